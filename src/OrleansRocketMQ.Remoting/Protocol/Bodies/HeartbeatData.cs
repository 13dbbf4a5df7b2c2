using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>What a client tells every broker about itself. Mirrors <c>HeartbeatData</c>.</summary>
public sealed record HeartbeatData
{
    /// <summary>The client's id.</summary>
    [JsonPropertyName("clientID")]
    public string ClientId { get; init; } = string.Empty;

    /// <summary>The groups it consumes for.</summary>
    public IReadOnlyList<ConsumerData> ConsumerDataSet { get; init; } = [];

    /// <summary>0 in heartbeats of version 1.</summary>
    public int HeartbeatFingerprint { get; init; }

    /// <summary>The groups it produces for.</summary>
    public IReadOnlyList<ProducerData> ProducerDataSet { get; init; } = [];

    /// <summary>Heartbeat version 2: the subscriptions are those of the last full heartbeat.</summary>
    public bool WithoutSub { get; init; }

    /// <summary>
    /// The fingerprint of version 2: Java's hash code of the JSON without what differs between clients or from one
    /// heartbeat to the next. Mirrors <c>computeHeartbeatFingerprint</c>. Sets are sorted here, so that all members
    /// of a group come to the same; brokers only compare it.
    /// </summary>
    public int ComputeFingerprint()
    {
        var consumers = ConsumerDataSet.OrderBy(consumer => consumer.GroupName, StringComparer.Ordinal);
        var plain = this with
        {
            ClientId = string.Empty,
            HeartbeatFingerprint = 0,
            WithoutSub = false,
            ProducerDataSet = [.. ProducerDataSet.OrderBy(producer => producer.GroupName, StringComparer.Ordinal)],
            ConsumerDataSet = [.. consumers.Select(consumer => consumer with
            {
                SubscriptionDataSet =
                [
                    .. consumer.SubscriptionDataSet.OrderBy(subscription => subscription.Topic, StringComparer.Ordinal)
                        .Select(subscription => subscription with { SubVersion = 0 }),
                ],
            })],
        };
        // Java leaves characters alone that .NET would escape.
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output, options))
        {
            JsonSerializer.Serialize(json, plain, ProtocolJson.Default.HeartbeatData);
        }

        return JavaString.HashCode(Encoding.UTF8.GetString(output.WrittenSpan));
    }

    /// <summary>The same without subscriptions, for a broker that knows them.</summary>
    public HeartbeatData WithoutSubscriptions() => this with
    {
        WithoutSub = true,
        ConsumerDataSet = [.. ConsumerDataSet.Select(consumer => consumer with { SubscriptionDataSet = [] })],
    };
}

/// <summary>A producer group in a heartbeat.</summary>
/// <param name="GroupName">The group.</param>
public sealed record ProducerData(string GroupName);

/// <summary>A consumer group in a heartbeat. Mirrors <c>ConsumerData</c>.</summary>
public sealed record ConsumerData
{
    /// <summary>
    /// Where the group starts when it has no offset: <c>CONSUME_FROM_LAST_OFFSET</c>, <c>_FIRST_OFFSET</c> or
    /// <c>_TIMESTAMP</c>.
    /// </summary>
    public string ConsumeFromWhere { get; init; } = ConsumerDataValues.FromLastOffset;

    /// <summary><c>CONSUME_PASSIVELY</c> for push consumers, <c>CONSUME_ACTIVELY</c> for pull consumers.</summary>
    public string ConsumeType { get; init; } = ConsumerDataValues.Passively;

    /// <summary>The group.</summary>
    public string GroupName { get; init; } = string.Empty;

    /// <summary><c>CLUSTERING</c> or <c>BROADCASTING</c>.</summary>
    public string MessageModel { get; init; } = ConsumerDataValues.Clustering;

    /// <summary>What it subscribes to.</summary>
    public IReadOnlyList<SubscriptionData> SubscriptionDataSet { get; init; } = [];

    /// <summary>Whether the group is of unit mode.</summary>
    public bool UnitMode { get; init; }
}

/// <summary>Words of <see cref="ConsumerData"/>.</summary>
public static class ConsumerDataValues
{
#pragma warning disable CS1591 // The names are the documentation: they are RocketMQ's own.
    public const string Passively = "CONSUME_PASSIVELY";
    public const string Actively = "CONSUME_ACTIVELY";
    public const string Clustering = "CLUSTERING";
    public const string Broadcasting = "BROADCASTING";
    public const string FromLastOffset = "CONSUME_FROM_LAST_OFFSET";
    public const string FromFirstOffset = "CONSUME_FROM_FIRST_OFFSET";
    public const string FromTimestamp = "CONSUME_FROM_TIMESTAMP";
#pragma warning restore CS1591
}

/// <summary>One subscription of a group. Mirrors <c>SubscriptionData</c>; build it with <see cref="From"/>.</summary>
public sealed record SubscriptionData
{
    /// <summary><see cref="ExpressionType"/> of tag expressions.</summary>
    public const string TagType = "TAG";

    /// <summary><see cref="ExpressionType"/> of SQL92 expressions.</summary>
    public const string Sql92Type = "SQL92";

    /// <summary>Always false; class filters are gone.</summary>
    public bool ClassFilterMode { get; init; }

    /// <summary>Java hash codes of the tags; brokers filter by them.</summary>
    public IReadOnlyList<int> CodeSet { get; init; } = [];

    /// <summary><c>TAG</c> or <c>SQL92</c>.</summary>
    public string? ExpressionType { get; init; } = TagType;

    /// <summary>The expression.</summary>
    public string SubString { get; init; } = MessageSelector.AllTags;

    /// <summary>When the subscription was last changed, milliseconds since 1970 UTC; the newest wins at the broker.</summary>
    public long SubVersion { get; init; }

    /// <summary>The tags.</summary>
    public IReadOnlyList<string> TagsSet { get; init; } = [];

    /// <summary>The topic.</summary>
    public string Topic { get; init; } = string.Empty;

    /// <summary>Builds the data of a selector, as <c>FilterAPI.buildSubscriptionData</c> does.</summary>
    public static SubscriptionData From(string topic, MessageSelector selector, long subVersion)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return new()
        {
            Topic = topic,
            SubString = selector.Expression,
            SubVersion = subVersion,
            ExpressionType = selector.Type == OrleansRocketMQ.ExpressionType.Tag ? TagType : Sql92Type,
            TagsSet = selector.Tags,
            CodeSet = [.. selector.Tags.Select(JavaString.HashCode).Distinct()],
        };
    }
}
