namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// Watches, for as long as it lives, that the broker never holds an offset beyond a message no listener has seen; such a
/// message would be lost with the next restart. For topics without filters, consumed from offset 0 on.
/// </summary>
internal sealed class OffsetWatch : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly TestRocketMQ _rocketmq;
    private readonly string _topic;
    private readonly Func<IEnumerable<(int Queue, long Offset)>> _done;
    private readonly Task _watching;

    private OffsetWatch(TestRocketMQ rocketmq, string topic, Func<IEnumerable<(int Queue, long Offset)>> done)
    {
        _rocketmq = rocketmq;
        _topic = topic;
        _done = done;
        _watching = Task.Run(WatchAsync);
    }

    public static OffsetWatch Over(TestRocketMQ rocketmq, string topic = TestRocketMQ.Topic) => new(
        rocketmq,
        topic,
        () => rocketmq.Recorder.Deliveries.Where(delivery => delivery.Queue.Topic == topic).Select(delivery => (delivery.Queue.QueueId, delivery.Message.QueueOffset)));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _watching;
        Check();
        _stopping.Dispose();
    }

    private async Task WatchAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            Check();
            await Task.Delay(10);
        }
    }

    private void Check()
    {
        // First the offsets, then what was seen: it only grows.
        var committed = Enumerable.Range(0, _rocketmq.Broker.QueueCount(_topic))
            .Select(queue => (Queue: queue, Offset: _rocketmq.Broker.CommittedOffset(_rocketmq.MyGroup, _topic, queue) ?? 0))
            .ToArray();
        var seen = _done().GroupBy(message => message.Queue, message => message.Offset).ToDictionary(group => group.Key, group => group.ToHashSet());
        foreach (var (queue, offset) in committed)
        {
            var missing = Enumerable.Range(0, (int)offset).Where(before => !(seen.TryGetValue(queue, out var offsets) && offsets.Contains(before))).ToArray();
            Assert.True(missing.Length == 0, $"Queue {queue} is committed to {offset}, but nobody has seen {string.Join(", ", missing.Take(10))}");
        }
    }
}
