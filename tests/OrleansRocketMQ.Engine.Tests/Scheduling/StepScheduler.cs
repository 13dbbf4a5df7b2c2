using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Tests.Scheduling;

/// <summary>Runs what it is given step by step on the thread that calls <see cref="Run"/>, and notes what comes from another thread.</summary>
internal sealed class StepScheduler : TaskScheduler
{
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly Queue<Task> _steps = new();
    private int _foreign;

    /// <summary>Steps that another thread has asked for: something has gone by the thread pool.</summary>
    public int Foreign => Volatile.Read(ref _foreign);

    /// <summary>Steps that have been run.</summary>
    public int Taken { get; private set; }

    /// <summary>Runs all steps, those included that come meanwhile.</summary>
    public void Run()
    {
        // The test's own context would take what is awaited away from here.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            while (Next() is { } step)
            {
                Taken++;
                TryExecuteTask(step);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>Starts work as a step; it is run with the others.</summary>
    public Task Begin(Func<Task> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.None, this).Unwrap();

    protected override void QueueTask(Task task)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            Interlocked.Increment(ref _foreign);
        }

        lock (_steps)
        {
            _steps.Enqueue(task);
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (_steps)
        {
            return [.. _steps];
        }
    }

    private Task? Next()
    {
        lock (_steps)
        {
            return _steps.TryDequeue(out var step) ? step : null;
        }
    }
}
