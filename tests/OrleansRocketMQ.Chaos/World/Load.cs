using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// Sends each key of each topic its numbers 0, 1, 2 …, one after the other: a number is sent again until a broker has said that it
/// has it, so it may be there more than once, and never out of turn.
/// </summary>
internal sealed class Load : IAsyncDisposable
{
    private const int Keys = 12;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan BetweenPoison = TimeSpan.FromMilliseconds(400);

    /// <summary>The key of messages at which no attempt succeeds.</summary>
    public const string Poison = "poison";

    /// <summary>Messages that a topic can get in a second.</summary>
    public static int MostPerSecond => (int)(Keys / Between.TotalSeconds);

    private readonly CancellationTokenSource _stopping = new();
    private readonly RocketMQClient _client;
    private readonly Producer _producer;
    private readonly Dictionary<(string Topic, string Key), int> _sent = [];
    private readonly ConcurrentDictionary<(string Topic, string Key), List<long>> _times = [];
    private readonly Task _sending;
    private readonly ConcurrentDictionary<(string Topic, string Key, int Number), bool> _repeats = [];
    private int _repeated;

    /// <param name="nameServer">Where to ask for the brokers.</param>
    /// <param name="ns">The namespace that topics are in; null: none.</param>
    /// <param name="hasPoison">Whether the group in any order gets messages at which no attempt succeeds, too.</param>
    public Load(string nameServer, string? ns = null, bool hasPoison = false)
    {
        _client = PatientClients.Start(nameServer, "127.0.0.1@chaos", ns);
        _producer = new Producer(
            _client, new ProducerOptions { Group = "chaos_producer", SendTimeout = TimeSpan.FromSeconds(3) }, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance);
        foreach (var topic in RoundTopics.All)
        {
            foreach (var key in Enumerable.Range(0, Keys))
            {
                _sent[(topic, $"key-{key}")] = 0;
            }
        }

        if (hasPoison)
        {
            _sent[(RoundTopics.Any, Poison)] = 0;
        }

        _sending = Task.WhenAll(_sent.Keys.Select(key => Task.Run(() => SendAsync(key))));
    }

    /// <summary>How many numbers of each key were sent.</summary>
    public IReadOnlyDictionary<(string Topic, string Key), int> Sent => _sent;

    /// <summary>When a number of a key was sent first, by the machine's clock that only goes forward. After the end.</summary>
    public long SentAt(string topic, string key, int number) => _times[(topic, key)][number];

    /// <summary>How many there were until now.</summary>
    public Dictionary<(string Topic, string Key), int> SentUntilNow()
    {
        lock (_sent)
        {
            return new(_sent);
        }
    }

    /// <summary>Sends that failed, after which the message may be there all the same.</summary>
    public int Repeated => _repeated;

    /// <summary>Whether a send of a number failed, so that brokers may have it more than once.</summary>
    public bool MayBeTwice(string topic, string key, int number) => _repeats.ContainsKey((topic, key, number));

    /// <summary>Sends what it is about to, and ends.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _sending;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _producer.DisposeAsync();
        await _client.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task SendAsync((string Topic, string Key) key)
    {
        var byKey = new HashSelector();
        var times = _times[key] = [];
        for (var number = 0; !_stopping.IsCancellationRequested; number++)
        {
            var message = new Message(key.Topic, JsonSerializer.SerializeToUtf8Bytes(new { key = key.Key, number })) { ShardingKey = key.Key };
            times.Add(Stopwatch.GetTimestamp());
            while (!await TrySendAsync(message, byKey))
            {
                Interlocked.Increment(ref _repeated);
                _repeats[(key.Topic, key.Key, number)] = true;
                await Task.Delay(Between);
            }

            lock (_sent)
            {
                _sent[key] = number + 1;
            }

            await Task.Delay(key.Key == Poison ? BetweenPoison : Between, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TrySendAsync(Message message, HashSelector byKey)
    {
        try
        {
            await _producer.SendAsync(message, byKey);
            return true;
        }
        catch (RocketMQException)
        {
            return false;
        }
    }
}
