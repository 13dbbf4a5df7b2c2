namespace OrleansRocketMQ.Parking;

/// <summary>Where messages are noted that no broker takes.</summary>
internal interface IParkedMessageStore
{
    /// <summary>Notes a message. When this ends without an error, it is stored: whoever asks later finds it. Twice is once.</summary>
    /// <exception cref="Exception">It is not stored. The message must stay where it is.</exception>
    Task ParkAsync(ParkedMessage message, CancellationToken cancellationToken);
}
