using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>
/// Sends at a steady rate to all queues of a topic until it is stopped. Messages of a key always go to the same queue.
/// A batch a broker did not confirm may be stored all the same: what is stored counts, not what was meant.
/// </summary>
internal sealed class SteadyLoad : IAsyncDisposable
{
    public const string Topic = "load";

    private const int Keys = 1000;
    private const int MessagesPerBatch = 25;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Producer _producer;
    private readonly Task _sending;

    public SteadyLoad(EmbeddedRocketMQ rocketmq, int messagesPerSecond)
    {
        _producer = new Producer(
            new RocketMQClientOptions
            {
                NameServerAddresses = [rocketmq.NameServerAddress],
                ClientId = "127.0.0.1@load",
                PollNameServerInterval = TimeSpan.FromMilliseconds(500),
            },
            new ProducerOptions { Group = "load_producer" },
            NullLoggerFactory.Instance);
        _sending = Task.Run(() => SendAsync(messagesPerSecond));
    }

    /// <summary>Ends the load; afterwards nothing is on its way to the broker any more.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _sending;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _producer.DisposeAsync();
    }

    private async Task SendAsync(int messagesPerSecond)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var start = TimeProvider.System.GetTimestamp();
        var sent = 0L;
        var turn = 0;
        while (await TickAsync(timer))
        {
            var due = (long)(TimeProvider.System.GetElapsedTime(start).TotalSeconds * messagesPerSecond);
            while (sent + MessagesPerBatch <= due && !_stopping.IsCancellationRequested)
            {
                var queues = await QueuesAsync();
                if (queues.Count > 0)
                {
                    var queueNumber = turn++ % queues.Count;
                    await SendOnceAsync(Batch(sent, queueNumber, queues.Count), queues[queueNumber]);
                }

                sent += MessagesPerBatch;
            }
        }
    }

    private async ValueTask<bool> TickAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(_stopping.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<IReadOnlyList<MessageQueue>> QueuesAsync()
    {
        try
        {
            return await _producer.GetQueuesAsync(Topic);
        }
        catch (RocketMQException)
        {
            // The name server is away; the load goes on when it is back.
            return [];
        }
    }

    /// <summary>Whoever gets a queue's number knows which keys are its own: those that leave that number as the rest.</summary>
    private static List<Message> Batch(long first, int queue, int queues)
    {
        var batch = new List<Message>(MessagesPerBatch);
        for (var index = 0; index < MessagesPerBatch; index++)
        {
            var number = first + index;
            var key = ((number * 7) % (Keys / queues) * queues) + queue;
            batch.Add(new Message(Topic, Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture)))
            {
                ShardingKey = $"key-{key}",
            });
        }

        return batch;
    }

    private async Task SendOnceAsync(List<Message> batch, MessageQueue queue)
    {
        try
        {
            await _producer.SendAsync(batch, ToThatQueue.Instance, queue);
        }
        catch (RocketMQException)
        {
            // Its broker is away. The others get their share meanwhile.
            await Task.Delay(20);
        }
    }

    private sealed class ToThatQueue : IQueueSelector
    {
        public static readonly ToThatQueue Instance = new();

        public MessageQueue Select(IReadOnlyList<MessageQueue> queues, Message message, object? argument) => (MessageQueue)argument!;
    }
}
