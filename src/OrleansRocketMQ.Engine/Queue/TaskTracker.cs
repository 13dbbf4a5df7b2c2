namespace OrleansRocketMQ.Queues;

/// <summary>Background tasks with an owner that waits for them at its end. Thread-safe.</summary>
internal sealed class TaskTracker
{
    private readonly HashSet<Task> _running = [];

    public void Add(Task task)
    {
        lock (_running)
        {
            _running.Add(task);
        }

        task.ContinueWith(
            static (ended, state) =>
            {
                var running = (HashSet<Task>)state!;
                lock (running)
                {
                    running.Remove(ended);
                }
            },
            _running,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    public Task WaitAsync()
    {
        lock (_running)
        {
            return Task.WhenAll(_running);
        }
    }
}
