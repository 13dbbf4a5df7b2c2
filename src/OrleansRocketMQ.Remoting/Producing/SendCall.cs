namespace OrleansRocketMQ.Producing;

/// <summary>
/// One send, as filters see it. Belongs to that send: do not keep it. Not thread-safe. Mirrors <c>SendMessageContext</c>.
/// </summary>
public sealed class SendCall
{
    private IReadOnlyList<Message> _messages;

    /// <summary>Creates a send; the producer does it for real ones, tests for theirs.</summary>
    /// <param name="messages">What is sent.</param>
    /// <param name="queue">The queue the caller chose; null when it is the producer's or a selector's choice.</param>
    /// <param name="isOneWay">Whether nobody waits for the broker's answer.</param>
    public SendCall(IReadOnlyList<Message> messages, MessageQueue? queue = null, bool isOneWay = false)
    {
        ArgumentNullException.ThrowIfNull(messages);
        (_messages, Queue, IsOneWay) = (messages, queue, isOneWay);
    }

    /// <summary>
    /// What is sent together: the caller's own messages, so that what is changed in one stays changed when it is sent again.
    /// May be replaced.
    /// </summary>
    public IReadOnlyList<Message> Messages
    {
        get => _messages;
        set => _messages = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>The queue the caller chose; null when it is the producer's or a selector's choice.</summary>
    public MessageQueue? Queue { get; }

    /// <summary>Whether nobody waits for the broker's answer; then a result says only where the message went.</summary>
    public bool IsOneWay { get; }

    /// <summary>Where the messages went; null until they have. Setting it replaces what the caller gets.</summary>
    public SendResult? Result { get; set; }
}
