using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>A message on its way to one queue of one broker. Mirrors <c>SendMessageRequestHeader</c>.</summary>
public sealed record SendMessageRequest
{
    /// <summary>The group of the producer.</summary>
    public required string ProducerGroup { get; init; }

    /// <summary>The topic.</summary>
    public required string Topic { get; init; }

    /// <summary>The broker set.</summary>
    public required string BrokerName { get; init; }

    /// <summary>The queue; -1 leaves it to the broker.</summary>
    public required int QueueId { get; init; }

    /// <summary>
    /// The body as it is to be stored: compressed when <see cref="SysFlag"/> says so, encoded by
    /// <see cref="MessageBatchCodec"/> when it is a batch.
    /// </summary>
    public required ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>When the message was made, milliseconds since 1970 UTC.</summary>
    public required long BornTimestamp { get; init; }

    /// <summary>The property table, see <see cref="MessageProperties.Encode"/>.</summary>
    public string Properties { get; init; } = string.Empty;

    /// <summary>Bits of <see cref="MessageSysFlag"/>.</summary>
    public int SysFlag { get; init; }

    /// <summary>The sender's number.</summary>
    public int Flag { get; init; }

    /// <summary>The topic whose settings a topic made by this send takes.</summary>
    public string DefaultTopic { get; init; } = SystemTopics.AutoCreateKey;

    /// <summary>How many queues such a topic gets. Default 4.</summary>
    public int DefaultTopicQueueNums { get; init; } = 4;

    /// <summary>How often consuming has failed before, for messages to a %RETRY% topic.</summary>
    public int ReconsumeTimes { get; init; }

    /// <summary>After how many failures the message is dead, for messages to a %RETRY% topic; null: as the group is set up.</summary>
    public int? MaxReconsumeTimes { get; init; }

    /// <summary>Whether the group is of unit mode.</summary>
    public bool UnitMode { get; init; }

    /// <summary>Whether the body holds several messages.</summary>
    public bool Batch { get; init; }
}

/// <summary>A broker's answer to a send. Mirrors <c>SendMessageResponseHeader</c>.</summary>
/// <param name="Code">SUCCESS, or why storing is not as safe as the broker is set up for.</param>
/// <param name="OffsetMessageId">The broker's id of the message; of a batch the ids of all, separated by commas.</param>
/// <param name="QueueId">The queue it went to.</param>
/// <param name="QueueOffset">Its position there; of a batch that of the first.</param>
/// <param name="TransactionId">The transaction's id, or the unique id the producer gave.</param>
/// <param name="RegionId">The broker's region.</param>
public sealed record SendMessageResponse(
    int Code,
    string OffsetMessageId,
    int QueueId,
    long QueueOffset,
    string? TransactionId,
    string? RegionId)
{
    /// <summary>
    /// What takes the message back while it waits for its time; null where it does not wait, and from brokers before 5.3.2.
    /// </summary>
    public string? RecallHandle { get; init; }
}

/// <summary>How a transaction ends. Mirrors <c>EndTransactionRequestHeader</c>.</summary>
public sealed record EndTransactionRequest
{
    /// <summary>The group of the producer.</summary>
    public required string ProducerGroup { get; init; }

    /// <summary>The topic of the message.</summary>
    public required string Topic { get; init; }

    /// <summary>The broker set that has the half message.</summary>
    public required string BrokerName { get; init; }

    /// <summary>The half message's position in its queue.</summary>
    public required long QueueOffset { get; init; }

    /// <summary>The half message's position in the commit log.</summary>
    public required long CommitLogOffset { get; init; }

    /// <summary>The unique id of the message.</summary>
    public required string MessageId { get; init; }

    /// <summary>The transaction's id.</summary>
    public string? TransactionId { get; init; }

    /// <summary>
    /// <see cref="TransactionState.Committed"/> or <see cref="TransactionState.RolledBack"/>; anything else means unknown,
    /// and the broker will ask again.
    /// </summary>
    public required TransactionState State { get; init; }

    /// <summary>Whether this answers a question of the broker.</summary>
    public bool FromCheck { get; init; }
}
