using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Testing;

/// <summary>
/// A static topic, made and changed by the requests that mqadmin sends (updateStaticTopic, remappingStaticTopic), so that any broker
/// will do. Mirrors <c>MQAdminUtils</c> and <c>TopicQueueMappingUtils</c>.
/// </summary>
internal sealed class StaticTopic(RocketMQClient client, string topic)
{
    /// <summary>By how much offsets jump when a queue moves, at least half of it and at most one and a half.</summary>
    public const long BlockSize = 10_000;

    private readonly Dictionary<string, int> _queuesAt = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Dictionary<int, List<JsonObject>>> _hosted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _masters = new(StringComparer.Ordinal);
    private int _queues;
    private long _epoch;

    public string Name => topic;

    /// <summary>The brokers of the cluster, in order.</summary>
    public IReadOnlyList<string> Brokers => [.. _masters.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The logical queues.</summary>
    public IReadOnlyList<MessageQueue> Queues => client.Routes.Find(topic)!.ReadQueues;

    /// <summary>Makes one whose queues lie on all brokers in turn.</summary>
    public static async Task<StaticTopic> CreateAsync(RocketMQClient client, string topic, int queues)
    {
        var made = new StaticTopic(client, topic);
        foreach (var (name, broker) in (await client.NameServer.GetClusterInfoAsync()).BrokerAddrTable)
        {
            made._masters[name] = broker.BrokerAddrs[BrokerData.MasterId];
            made._queuesAt[name] = 0;
            made._hosted[name] = [];
        }

        await made.GrowAsync(queues);
        return made;
    }

    /// <summary>Makes it that many queues.</summary>
    public async Task GrowAsync(int queues)
    {
        var brokers = Brokers;
        for (var id = _queues; id < queues; id++)
        {
            var broker = brokers[id % brokers.Count];
            _hosted[broker][id] = [Piece(0, _queuesAt[broker]++, broker, logicOffset: 0)];
        }

        _queues = queues;
        NextEpoch();
        foreach (var broker in brokers)
        {
            await TellAsync(broker);
        }

        await UntilRoutedAsync(id => LeaderOf(id));
    }

    /// <summary>The broker that leads a logical queue.</summary>
    public string LeaderOf(int id) => _hosted.First(broker => broker.Value.TryGetValue(id, out var pieces)
        && Text(pieces[^1], "bname") == broker.Key).Key;

    /// <summary>Moves every logical queue to the next broker.</summary>
    /// <param name="undecided">What happens while the new leaders take messages, and nobody has said yet at which offsets.</param>
    public async Task MoveAsync(Func<Task>? undecided = null)
    {
        NextEpoch();
        var brokers = Brokers;
        var moves = Enumerable.Range(0, _queues).Select(id =>
        {
            var from = LeaderOf(id);
            var to = brokers[(Array.IndexOf([.. brokers], from) + 1) % brokers.Count];
            var pieces = _hosted[from][id];
            pieces.Add(Piece(Number(pieces[^1], "gen") + 1, _queuesAt[to]++, to, logicOffset: -1));
            _hosted[to][id] = pieces;
            return (Id: id, From: from, To: to);
        }).ToList();
        await TellAllAsync(moves.Select(move => move.To));
        await TellAllAsync(moves.Select(move => move.From));
        if (undecided is not null)
        {
            await undecided();
        }

        foreach (var (id, from, to) in moves)
        {
            var old = _hosted[from][id][^2];
            var end = await PhysicalEndAsync(from, (int)Number(old, "queueId")) + Number(old, "logicOffset");
            _hosted[to][id][^1]["logicOffset"] = RoundUp(end);
        }

        await TellAllAsync(moves.Select(move => move.To));
        await UntilRoutedAsync(id => LeaderOf(id));
    }

    private async Task<long> PhysicalEndAsync(string broker, int queueId)
    {
        var answer = await client.Brokers.InvokeAsync(
            _masters[broker],
            RemotingCommand.Request(RequestCodes.GetMaxOffset).Set("topic", topic).Set("queueId", queueId).Set("lo", false).Set("committed", true));
        return answer.GetInt64("offset");
    }

    private async Task TellAllAsync(IEnumerable<string> brokers)
    {
        foreach (var broker in brokers.Distinct(StringComparer.Ordinal))
        {
            await TellAsync(broker);
        }
    }

    private async Task TellAsync(string broker)
    {
        var mapping = new JsonObject
        {
            ["topic"] = topic,
            ["scope"] = "__global__",
            ["totalQueues"] = _queues,
            ["bname"] = broker,
            ["epoch"] = _epoch,
            ["dirty"] = false,
            ["currIdMap"] = new JsonObject(),
            ["hostedQueues"] = new JsonObject(_hosted[broker].Select(queue => KeyValuePair.Create<string, JsonNode?>(
                $"{queue.Key}", new JsonArray([.. queue.Value.Select(piece => piece.DeepClone())])))),
        };
        await client.Brokers.InvokeAsync(
            _masters[broker],
            RemotingCommand.Request(RequestCodes.UpdateAndCreateStaticTopic, JsonSerializer.SerializeToUtf8Bytes(mapping))
                .Set("topic", topic)
                .Set("defaultTopic", "TBW102")
                .Set("readQueueNums", _queuesAt[broker])
                .Set("writeQueueNums", _queuesAt[broker])
                .Set("perm", 6)
                .Set("topicFilterType", "SINGLE_TAG")
                .Set("topicSysFlag", 0)
                .Set("order", false)
                .Set("force", false));
    }

    private Task UntilRoutedAsync(Func<int, string> leader) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                var route = await client.Routes.RefreshAsync(topic);
                return route.ReadQueues.Count == _queues && route.ReadQueues.All(queue => route.BrokerOf(queue) == leader(queue.QueueId));
            }
            catch (TopicNotFoundException)
            {
                return false;
            }
        },
        $"a route to {topic}");

    private void NextEpoch() => _epoch = Math.Max(_epoch + 1000, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

    private static JsonObject Piece(long gen, int queueId, string broker, long logicOffset) => new()
    {
        ["gen"] = gen,
        ["queueId"] = (long)queueId,
        ["bname"] = broker,
        ["logicOffset"] = logicOffset,
        ["startOffset"] = 0,
        ["endOffset"] = -1,
        ["timeOfStart"] = -1,
        ["timeOfEnd"] = -1,
    };

    // Mirrors blockSeqRoundUp.
    private static long RoundUp(long offset) => ((offset / BlockSize) + (offset % BlockSize < BlockSize / 2 ? 1 : 2)) * BlockSize;

    private static long Number(JsonObject piece, string name) => piece[name]!.GetValue<long>();

    private static string Text(JsonObject piece, string name) => piece[name]!.GetValue<string>();
}
