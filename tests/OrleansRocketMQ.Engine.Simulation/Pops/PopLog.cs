using System.Net;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>A message as it lies in a queue, be it for the first time or again.</summary>
/// <param name="entry">What the checker knows of it, wherever it lies.</param>
/// <param name="log">Where it lies.</param>
/// <param name="offset">At which place.</param>
/// <param name="attempts">How often it has failed before.</param>
/// <param name="again">Why it lies there again; null when it is the message as it was sent.</param>
internal sealed class LoggedMessage(PopEntry entry, PopLog log, long offset, int attempts, string? again)
{
    public PopEntry Entry => entry;

    public PopLog Log => log;

    public long Offset => offset;

    public int Attempts => attempts;

    public string? Again => again;

    /// <summary>Since when the broker offers it, in ticks of the run.</summary>
    public long OfferedAt { get; set; }

    /// <summary>When an operator last had it offered again, in ticks of the run; null when nobody has.</summary>
    public long? MovedBackAt { get; set; }

    /// <summary>Whether its place in the queue counts as done: consumed there, or taken back by the broker.</summary>
    public bool IsSettled { get; set; }
}

/// <summary>One queue at the simulated broker, and how far the group is in it.</summary>
/// <param name="index">Its number among all queues of the run.</param>
/// <param name="id">Its name.</param>
internal sealed class PopLog(int index, MessageQueue id)
{
    private static readonly IPEndPoint Host = new(IPAddress.Loopback, 10911);

    private readonly List<LoggedMessage> _messages = [];
    private TaskCompletionSource _news = new();

    public int Index => index;

    public MessageQueue Id => id;

    public PopTopicKind Kind { get; } = ReceiptHandle.KindOf(id.Topic);

    public IReadOnlyList<LoggedMessage> Messages => _messages;

    public long Max => _messages.Count;

    /// <summary>Where the group's next message is; null when nothing is known of the group.</summary>
    public long? Stored { get; set; }

    /// <summary>When something of it was last popped, in ticks of the run.</summary>
    public long TakenAt { get; set; } = long.MinValue / 2;

    /// <summary>Ends when there is something new.</summary>
    public Task NewsAsync() => _news.Task;

    /// <summary>A message comes.</summary>
    public void Add(PopEntry entry, int attempts, string? again, long now)
    {
        _messages.Add(new LoggedMessage(entry, this, Max, attempts, again) { OfferedAt = now });
        Wake();
    }

    /// <summary>Whoever waits looks again.</summary>
    public void Wake()
    {
        var news = _news;
        _news = new();
        news.TrySetResult();
    }

    /// <summary>What was taken before is offered once more.</summary>
    public void GoBack(long offset, long now)
    {
        for (var at = (int)offset; at < Stored; at++)
        {
            (_messages[at].OfferedAt, _messages[at].MovedBackAt) = (now, now);
        }

        Stored = offset;
        Wake();
    }

    /// <summary>A message as brokers store and send it.</summary>
    public StoredMessage Encode(LoggedMessage message)
    {
        var properties = new List<KeyValuePair<string, string>>
        {
            new(MessageProperties.Keys, $"k{message.Entry.Origin}"),
            new(MessageProperties.Tags, SimulatedWorld.TagOf(message.Entry.Tag)),
        };
        if (Id.Topic == SystemTopics.Retry(SimulatedWorld.Group))
        {
            properties.Add(new(MessageProperties.RetryTopic, SimulatedWorld.Topic));
        }
        else if (Kind != PopTopicKind.Normal)
        {
            properties.Add(new(MessageProperties.FirstPopTime, "1"));
        }

        return new StoredMessage
        {
            Topic = Id.Topic,
            QueueId = Id.QueueId,
            Body = new byte[message.Entry.BodyLength],
            QueueOffset = message.Offset,
            CommitLogOffset = (index * Records.PerQueue) + message.Offset,
            ReconsumeTimes = message.Attempts,
            BornHost = Host,
            StoreHost = Host,
            Properties = MessageProperties.Encode(properties),
        };
    }
}
