using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// A message that a grain sends, recorded with its state until a broker has it. The setters are for storages. Not thread-safe.
/// </summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.RecordedMessage")]
public sealed class RecordedMessage
{
    /// <summary>Where it goes.</summary>
    [Id(0)]
    public string Topic { get; set; } = string.Empty;

    /// <summary>What it carries.</summary>
    [Id(1)]
    public byte[] Body { get; set; } = [];

    /// <summary><see cref="Message.Flag"/>.</summary>
    [Id(2)]
    public int Flag { get; set; }

    /// <summary>
    /// Its properties, its id (<c>UNIQ_KEY</c>) among them: fixed when the message was recorded, so that a copy that is sent
    /// again, because nobody knew that the first had arrived, has the same.
    /// </summary>
    [Id(3)]
    public Dictionary<string, string> Properties { get; set; } = new(StringComparer.Ordinal);

    internal static RecordedMessage Of(Message message) => new()
    {
        Topic = message.Topic,
        Body = message.Body.ToArray(),
        Flag = message.Flag,
        Properties = new(message.Properties, StringComparer.Ordinal),
    };

    internal Message ToMessage()
    {
        var message = new Message(Topic, Body) { Flag = Flag };
        foreach (var (name, value) in Properties)
        {
            message[name] = value;
        }

        return message;
    }
}
