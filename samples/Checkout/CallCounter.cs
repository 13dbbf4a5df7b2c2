using OrleansRocketMQ;

namespace Checkout;

/// <summary>A filter: stands around each call of the bank's handler, whatever the handler does. Thread-safe.</summary>
internal sealed class CallCounter : IConsumeFilter
{
    private int _calls;

    public int Calls => Volatile.Read(ref _calls);

    public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        return next();
    }
}
