namespace OrleansRocketMQ;

/// <summary>
/// One call of a listener, as filters see it. Belongs to that call: do not keep it. Not thread-safe. Mirrors
/// <c>ConsumeMessageContext</c>.
/// </summary>
public sealed class ConsumeCall
{
    private ConsumeResult? _result;
    private ConsumeOrderlyResult? _orderlyResult;
    private bool _hasBegun;
    private bool _autoCommit;

    /// <summary>A call of a listener in no order, or of a key. The library makes it for real calls, tests for theirs.</summary>
    /// <param name="messages">What the listener gets.</param>
    /// <param name="context">Where they come from.</param>
    public ConsumeCall(MessageBatch messages, ConsumeContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        (Messages, Context) = (messages, context);
        (Group, Queue, Attempt) = (context.Group, context.Queue, context.ReconsumeTimes + 1);
    }

    /// <summary>A call of a listener of a queue in order. The library makes it for real calls, tests for theirs.</summary>
    /// <inheritdoc cref="ConsumeCall(MessageBatch, ConsumeContext)"/>
    public ConsumeCall(MessageBatch messages, ConsumeOrderlyContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        (Messages, OrderlyContext) = (messages, context);
        (Group, Queue, Attempt) = (context.Group, context.Queue, context.ReconsumeTimes + 1);
    }

    /// <summary>The messages of the call; one, where a filter for each message is among the group's.</summary>
    public MessageBatch Messages { get; }

    /// <summary>The consumer group.</summary>
    public string Group { get; }

    /// <summary>The queue the messages were pulled from; for retried messages a queue of the %RETRY% topic.</summary>
    public MessageQueue Queue { get; }

    /// <summary>Which attempt this is for the first message, from 1.</summary>
    public int Attempt { get; }

    /// <summary>What the listener is told and may say; null in the order of the queue.</summary>
    public ConsumeContext? Context { get; }

    /// <summary>What the listener is told and may say in the order of the queue; null otherwise.</summary>
    public ConsumeOrderlyContext? OrderlyContext { get; }

    /// <summary>Room for what filters and the listener want to tell each other; the same as the context's.</summary>
    public IDictionary<string, string> Properties => Context?.Properties ?? OrderlyContext!.Properties;

    /// <summary>
    /// What became of the call; null until somebody says. Setting it replaces the result. In the order of the queue
    /// <see cref="ConsumeResult.Success"/> and <see cref="ConsumeResult.ReconsumeLater"/> stand for
    /// <see cref="ConsumeOrderlyResult.Success"/> and <see cref="ConsumeOrderlyResult.SuspendCurrentQueue"/>, and read so, too:
    /// a rollback that means success is one. With success, messages behind <see cref="ConsumeContext.AckIndex"/> still come again.
    /// </summary>
    public ConsumeResult? Result
    {
        get => OrderlyContext is null ? _result : _orderlyResult switch
        {
            null => null,
            ConsumeOrderlyResult.Success or ConsumeOrderlyResult.Commit => ConsumeResult.Success,
            ConsumeOrderlyResult.Rollback when OrderlyContext.AutoCommit => ConsumeResult.Success,
            _ => ConsumeResult.ReconsumeLater,
        };
        set
        {
            _result = value;
            _orderlyResult = value switch
            {
                null => null,
                ConsumeResult.Success => ConsumeOrderlyResult.Success,
                _ => ConsumeOrderlyResult.SuspendCurrentQueue,
            };
        }
    }

    /// <summary>As <see cref="Result"/>, exactly as a listener in the order of the queue gives it; null for others.</summary>
    /// <exception cref="InvalidOperationException">It is set for a listener of another kind.</exception>
    public ConsumeOrderlyResult? OrderlyResult
    {
        get => OrderlyContext is null ? null : _orderlyResult;
        set => _orderlyResult = OrderlyContext is not null
            ? value
            : throw new InvalidOperationException($"The call is not in the order of a queue; set {nameof(Result)}.");
    }

    /// <summary>Values of the messages, where the listener gets any.</summary>
    internal Func<int, object?>? Values { get; init; }

    /// <summary>The value of a message, as the listener gets it; null for listeners of messages as they came.</summary>
    /// <param name="index">The message's place in <see cref="Messages"/>.</param>
    public object? GetValue(int index) => Values?.Invoke(index);

    /// <summary>The listener is about to be called, perhaps once more: what it has said before counts no more.</summary>
    internal void Begin()
    {
        (_result, _orderlyResult) = (null, null);
        if (_hasBegun)
        {
            Context?.CallAgain();
            OrderlyContext?.CallAgain(_autoCommit);
        }
        else if (Context is not null)
        {
            Context.AckIndex = int.MaxValue;
        }

        (_hasBegun, _autoCommit) = (true, OrderlyContext?.AutoCommit ?? false);
    }
}
