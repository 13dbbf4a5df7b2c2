using Orleans.Runtime;

namespace OrleansRocketMQ.Effects;

/// <summary>The outboxes of a silo's grains.</summary>
internal interface IOutboxes
{
    /// <summary>That of a grain.</summary>
    /// <exception cref="ConsumerStateException">No group of this silo has the grain's class as its listener.</exception>
    IOutbox Of(IGrainContext grain);
}

/// <summary>What the outbox of a grain asks of its silo.</summary>
internal interface IOutbox
{
    /// <summary>Writes the bodies of messages that are sent as values.</summary>
    IMessageSerializer Serializer { get; }

    /// <summary>
    /// Notes, in the storage of the grain's state, that the grain may have messages to send. Before the first of them is stored, so
    /// that none is unknown to the sweeper.
    /// </summary>
    /// <exception cref="Exception">It is not noted.</exception>
    Task AnnounceAsync();

    /// <summary>Tells that the grain takes no messages until some of what it has recorded is sent.</summary>
    void TellFull(string why);

    /// <summary>Sends a message. False, and a line in the log, when no broker has confirmed it.</summary>
    Task<bool> TrySendAsync(RecordedMessage message);
}

/// <summary>A grain that has an outbox.</summary>
internal interface IHasOutbox
{
    /// <summary>Why the grain takes no messages until some of what it has recorded is sent; null when it does. For its own turns.</summary>
    string? Full { get; }

    /// <summary>Sends what is there. True when all is sent and the grain need not be asked again before it announces itself.</summary>
    Task<bool> DrainAsync();
}
