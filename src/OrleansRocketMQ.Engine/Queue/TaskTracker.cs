namespace OrleansRocketMQ.Engine.Queue;

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

        _ = ForgetAsync(task);
    }

    public Task WaitAsync()
    {
        lock (_running)
        {
            return Task.WhenAll(_running);
        }
    }

    private async Task ForgetAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception)
        {
            // Whoever waits hears of it, if it has not ended before; what is tracked tells of its failures itself.
        }

        lock (_running)
        {
            _running.Remove(task);
        }
    }
}
