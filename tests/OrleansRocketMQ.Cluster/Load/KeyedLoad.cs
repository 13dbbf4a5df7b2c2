using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>Sends each key its numbers 0, 1, 2 …, one round of all keys after the other, until it is stopped.</summary>
internal sealed class KeyedLoad : IAsyncDisposable
{
    private static readonly TimeSpan BetweenRounds = TimeSpan.FromMilliseconds(100);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, int> _sent = new();
    private readonly RocketMQClient _client;
    private readonly Producer _producer;
    private readonly Task _sending;

    public KeyedLoad(string nameServer, int keys)
    {
        _client = PatientClients.Start(nameServer, "127.0.0.1@effects");
        _producer = PatientClients.Producer(_client, "effects_producer");
        _sending = Task.Run(() => SendAsync([.. Enumerable.Range(0, keys).Select(key => $"key-{key}")]));
    }

    /// <summary>How many messages each key was sent.</summary>
    public IReadOnlyDictionary<string, int> Sent => _sent;

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
    }

    private async Task SendAsync(string[] keys)
    {
        var byKey = new HashSelector();
        for (var number = 0; !_stopping.IsCancellationRequested; number++)
        {
            var body = Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));
            foreach (var key in keys)
            {
                await _producer.SendAsync(new Message(SteadyLoad.Topic, body) { ShardingKey = key }, byKey);
                _sent[key] = number + 1;
            }

            await Task.Delay(BetweenRounds, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
