using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Consumers;

/// <summary>
/// Whether the messages of a queue are pulled or popped: what the group's settings say, or what the queue's broker says of topic
/// and group. Brokers are asked again where the allocation is looked at because it is time to, not at each look of a restless cluster.
/// Thread-safe; refreshed by one caller at a time.
/// </summary>
/// <param name="options">Of the group.</param>
/// <param name="client">Asks.</param>
/// <param name="canPop">
/// Whether each message is for one member, and nothing in order waits for a commit: brokers give nothing more while it does.
/// </param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class ConsumeModes(
    ConsumerOptions options, RocketMQClient client, bool canPop, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(1);

    // A broker older than 5.0 does not know the question until it is another one.
    private static readonly TimeSpan FreshRefusal = TimeSpan.FromMinutes(1);

    // A queue does not start while nobody has said. Pulled by mistake is better than not consumed.
    private static readonly TimeSpan LongestUnknown = TimeSpan.FromSeconds(5);

    // Operators switch by hand. A group of thousands of topics asks for some of them at a time.
    private const int MostAgain = 64;
    private const int MostAtOnce = 16;

    private readonly ConcurrentDictionary<(string Topic, string Broker), Answer> _answers = [];
    private readonly ConcurrentDictionary<(string Topic, string Broker), long> _unknownSince = [];
    private bool _isTold;

    private bool Asks => canPop && options.ConsumeMode == ConsumeMode.AsBroker;

    /// <summary>Whether the messages of a queue are to be popped; null while nobody has said.</summary>
    public bool? Pops(MessageQueue queue) => IsAlwaysPulled(queue) || !canPop ? false
        : options.ConsumeMode != ConsumeMode.AsBroker ? options.ConsumeMode == ConsumeMode.Pop
        : _answers.TryGetValue((queue.Topic, queue.BrokerName), out var answer) ? answer.Pops : null;

    private static bool IsAlwaysPulled(MessageQueue queue)
        => SystemTopics.IsRetry(queue.Topic) || SystemTopics.IsLight(queue.Topic) || queue.IsLogical;

    /// <summary>Asks brokers of which nothing is known, or nothing new.</summary>
    /// <param name="queues">The queues of the group's topics.</param>
    /// <param name="interval">How often it is looked when nothing happens: an answer holds for half of it, so each such look asks.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RefreshAsync(IEnumerable<MessageQueue> queues, TimeSpan interval, CancellationToken cancellationToken)
    {
        if (!Asks)
        {
            TellThatItPulls();
            return;
        }

        var wanted = queues.Where(static queue => !IsAlwaysPulled(queue))
            .Select(static queue => (queue.Topic, queue.BrokerName)).ToHashSet();
        foreach (var gone in _answers.Keys.Concat(_unknownSince.Keys).Where(key => !wanted.Contains(key)))
        {
            _answers.TryRemove(gone, out _);
            _unknownSince.TryRemove(gone, out _);
        }

        var now = time.GetTimestamp();
        var old = _answers
            .Where(answer => time.GetElapsedTime(answer.Value.At, now) >= (answer.Value.IsOfOld ? FreshRefusal : interval / 2))
            .OrderBy(static answer => answer.Value.At).Take(MostAgain).Select(static answer => answer.Key);
        var silent = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        foreach (var some in wanted.Where(key => !_answers.ContainsKey(key)).Concat(old).ToArray().Chunk(MostAtOnce))
        {
            await Task.WhenAll(some.Select(key => AskAsync(key, silent, cancellationToken)));
        }
    }

    /// <summary>
    /// Asked as one who gets every queue: whose queues are whose is this cluster's own word, and a broker that has not heard of
    /// this member yet would say nothing. One that was silent is not asked of its other topics by the same look: it would hold
    /// up all others for as long as it has topics.
    /// </summary>
    private async Task AskAsync(
        (string Topic, string Broker) key, ConcurrentDictionary<string, bool> silent, CancellationToken cancellationToken)
    {
        try
        {
            if (silent.ContainsKey(key.Broker) || client.Routes.FindAddress(key.Broker, onlyThisBroker: true) is not { } master)
            {
                NoteNoWord(key);
                return;
            }

            var assigned = await client.Brokers.QueryAssignmentAsync(
                master.Address,
                key.Topic,
                options.Group,
                client.ClientId,
                messageModel: ConsumerDataValues.Broadcasting,
                cancellationToken: cancellationToken).WaitAsync(LongestAnswer, time, cancellationToken);
            if (assigned is { Count: > 0 })
            {
                Note(key, assigned[0].Mode == MessageRequestMode.Pop);
            }
            else
            {
                // It has only just heard of the topic.
                NoteNoWord(key);
            }
        }
        catch (BrokerResponseException refused)
        {
            var isOld = refused.ResponseCode == ResponseCodes.RequestCodeNotSupported;
            Note(key, !isOld && _answers.GetValueOrDefault(key) is { Pops: true }, isOld);
        }
        catch (TimeoutException)
        {
            silent.TryAdd(key.Broker, true);
            NoteNoWord(key);
        }
        catch (RocketMQException)
        {
            NoteNoWord(key);
        }
    }

    /// <summary>It stays as it was. What is not known may be popped elsewhere: to pull it at once would bring messages twice.</summary>
    private void NoteNoWord((string Topic, string Broker) key)
    {
        if (_answers.TryGetValue(key, out var before))
        {
            Note(key, before.Pops);
        }
        else if (time.GetElapsedTime(_unknownSince.GetOrAdd(key, time.GetTimestamp())) >= LongestUnknown)
        {
            Note(key, pops: false);
        }
    }

    private void Note((string Topic, string Broker) key, bool pops, bool isOfOld = false)
    {
        var didPop = _answers.GetValueOrDefault(key) is { Pops: true };
        _answers[key] = new Answer(pops, time.GetTimestamp(), isOfOld);
        _unknownSince.TryRemove(key, out _);
        if (didPop != pops)
        {
            Log.Switches(logger, options.Group, key.Topic, key.Broker, pops ? MessageRequestMode.Pop : MessageRequestMode.Pull);
        }
    }

    private void TellThatItPulls()
    {
        if (!canPop && options.ConsumeMode == ConsumeMode.Pop && !_isTold)
        {
            _isTold = true;
            Log.CannotPop(logger, options.Group);
        }
    }

    /// <param name="Pops">What it says.</param>
    /// <param name="At">When, as a time stamp.</param>
    /// <param name="IsOfOld">Whether the broker does not know the question.</param>
    private sealed record Answer(bool Pops, long At, bool IsOfOld);

    private static partial class Log
    {
        [LoggerMessage(
            379, LogLevel.Information, "Group {Group} gets the messages of topic {Topic} at broker {Broker} by {Mode} from now on")]
        public static partial void Switches(ILogger logger, string group, string topic, string broker, MessageRequestMode mode);

        [LoggerMessage(
            380,
            LogLevel.Warning,
            "Group {Group} is to pop, but every silo wants all of its messages, or its listener in order commits: it pulls")]
        public static partial void CannotPop(ILogger logger, string group);
    }
}
