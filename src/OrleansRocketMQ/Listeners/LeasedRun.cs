namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// What a run of leased messages holds, from before its first call until after its last one has really ended, whoever waits for it.
/// One run after the other; touched only in the turns of its grain.
/// </summary>
internal sealed class LeasedRun
{
    private readonly LeaseScope _scope = new();
    private readonly List<PooledBody> _bodies = [];

    /// <summary>Holds what the messages are in.</summary>
    /// <returns>False when it has gone back already: the run comes too late, and its messages are somebody else's concern.</returns>
    public bool TryBegin(ArraySegment<MessageExt> messages)
    {
        PooledBody? last = null;
        foreach (var message in messages)
        {
            if (message.Pooled is not { } body || ReferenceEquals(body, last))
            {
                continue;
            }

            if (!body.TryHold())
            {
                End();
                return false;
            }

            last = body;
            _bodies.Add(body);
        }

        return true;
    }

    /// <summary>Has the listener consume a batch, which it cannot read any more when this ends.</summary>
    public async ValueTask<ConsumeResult> ConsumeAsync(
        ILeasedListener listener, ArraySegment<MessageExt> batch, ConsumeContext context, CancellationToken cancellationToken)
    {
        try
        {
            return await listener.ConsumeAsync(new LeasedBatch(batch, _scope), context, cancellationToken);
        }
        finally
        {
            _scope.End();
        }
    }

    /// <summary>The run has ended.</summary>
    public void End()
    {
        foreach (var body in _bodies)
        {
            body.Release();
        }

        _bodies.Clear();
    }
}
