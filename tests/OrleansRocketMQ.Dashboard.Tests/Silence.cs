namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>Holds requests back while it lasts, as a process that hangs does: connections stay open, no answer comes.</summary>
internal sealed class Silence
{
    private volatile TaskCompletionSource _end = Ended();

    public void Begin() => _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Lets those that wait go on, too.</summary>
    public void End() => _end.TrySetResult();

    public Task PassAsync(CancellationToken cancellation) => _end.Task.WaitAsync(cancellation);

    private static TaskCompletionSource Ended()
    {
        var end = new TaskCompletionSource();
        end.SetResult();
        return end;
    }
}
