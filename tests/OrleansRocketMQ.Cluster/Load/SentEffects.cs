using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What grains have sent, one message for each effect: read from the topic and held against what must be there.</summary>
internal sealed class SentEffects
{
    public const string Topic = "effects";

    private readonly Dictionary<(string Key, int Number), string> _ids = [];
    private readonly Dictionary<string, int> _next = [];

    /// <summary>How many messages came again, under the same id.</summary>
    public int Again { get; private set; }

    /// <summary>What must not be: another id for the same effect, or an effect before the one in front of it.</summary>
    public List<string> Wrong { get; } = [];

    /// <summary>How many effects of each key are there, from the first on.</summary>
    public IReadOnlyDictionary<string, int> Counts => _next;

    public static async Task<SentEffects> ReadAsync(EmbeddedRocketMQ rocketmq)
    {
        var effects = new SentEffects();
        await using var client = PatientClients.Start(rocketmq.NameServerAddress, "127.0.0.1@effects-reader");
        for (var queue = 0; queue < rocketmq.Broker.QueueCount(Topic); queue++)
        {
            var place = new MessageQueue(Topic, rocketmq.Broker.Name, queue);
            for (long offset = 0, end = rocketmq.Broker.MaxOffset(Topic, queue); offset < end;)
            {
                var messages = new List<MessageExt>();
                var pulled = await client.Brokers.PullAsync(
                    rocketmq.Broker.Address,
                    new PullRequest("effects_reader", place, offset) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero });
                pulled.Decode(messages, rocketmq.Broker.Name);
                messages.ForEach(effects.Take);
                offset = pulled.NextBeginOffset;
            }
        }

        return effects;
    }

    private void Take(MessageExt message)
    {
        var (key, number) = (message.ShardingKey!, int.Parse(Encoding.UTF8.GetString(message.Body.Span), CultureInfo.InvariantCulture));
        if (_ids.TryGetValue((key, number), out var id))
        {
            Again++;
            if (id != message.MessageId)
            {
                Wrong.Add($"{key} {number} has the ids {id} and {message.MessageId}");
            }

            return;
        }

        _ids[(key, number)] = message.MessageId;
        if (_next.GetValueOrDefault(key) != number)
        {
            Wrong.Add($"{key} {number} comes behind {_next.GetValueOrDefault(key) - 1}");
        }

        _next[key] = number + 1;
    }
}
