namespace OrleansRocketMQ.Engine.Ports;

/// <summary>Where messages are noted that no broker takes.</summary>
internal interface IParkedMessageStore
{
    /// <summary>Notes a message. When this ends without an error, it is stored: whoever asks later finds it. Twice is once.</summary>
    /// <exception cref="Exception">It is not stored. The message must stay where it is.</exception>
    Task ParkAsync(MessageToPark message, CancellationToken cancellationToken);
}

/// <summary>A message that nobody takes.</summary>
/// <param name="Queue">Where it lies.</param>
/// <param name="Offset">Its position there.</param>
/// <param name="MessageId">Its id.</param>
/// <param name="Topic">The topic it was sent to.</param>
/// <param name="Reason">Why it is parked.</param>
internal sealed record MessageToPark(MessageQueue Queue, long Offset, string MessageId, string Topic, string Reason)
{
    /// <summary>The message; null when its record could not be decoded.</summary>
    public MessageExt? Message { get; init; }

    /// <summary>When it was parked.</summary>
    public DateTimeOffset Parked { get; init; }
}
