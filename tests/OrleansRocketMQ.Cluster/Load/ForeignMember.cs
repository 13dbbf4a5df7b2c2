using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>
/// A member of the group that is no silo, as a program in another language would be: it heartbeats, allocates queues for
/// itself, pulls them from where the broker says, and commits after every pull.
/// </summary>
internal sealed class ForeignMember : IAsyncDisposable
{
    private const string ClientId = "zzz@foreign";

    // Java's client, too, gives the former owner half a second.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<MessageQueue, (CancellationTokenSource Stop, Task Pulling)> _queues = [];
    private readonly EmbeddedBroker _broker;
    private readonly RocketMQClient _client;
    private readonly string _group;
    private readonly bool _locks;
    private readonly Task _allocating;
    private long _consumed;

    /// <param name="rocketmq">Where the group is.</param>
    /// <param name="group">The group it joins.</param>
    /// <param name="locks">Whether it locks queues before it pulls, as an orderly member does.</param>
    public ForeignMember(EmbeddedRocketMQ rocketmq, string group, bool locks = false)
    {
        _locks = locks;
        _broker = rocketmq.Broker;
        _group = group;
        _client = new RocketMQClient(
            new RocketMQClientOptions { NameServerAddresses = [rocketmq.NameServerAddress], ClientId = ClientId }, NullLoggerFactory.Instance);
        _client.Start();
        _client.RegisterConsumer(
            group,
            () => new ConsumerData
            {
                GroupName = group,
                ConsumeFromWhere = ConsumerDataValues.FromFirstOffset,
                SubscriptionDataSet = [SubscriptionData.From(SteadyLoad.Topic, MessageSelector.All, 1)],
            },
            [SteadyLoad.Topic]);
        _allocating = Task.Run(AllocateAsync);
    }

    public long Consumed => Interlocked.Read(ref _consumed);

    /// <summary>Ends its pulls, then leaves the group.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _allocating;
        await Task.WhenAll(_queues.Keys.ToArray().Select(StopAsync));
        await _client.UnregisterConsumerAsync(_group);
        await _client.DisposeAsync();
    }

    private async Task AllocateAsync()
    {
        var strategy = new AverageAllocation();
        while (!_stopping.IsCancellationRequested)
        {
            var members = _broker.ClientsOf(_group).Order(StringComparer.Ordinal).ToArray();
            var all = Enumerable.Range(0, _broker.QueueCount(SteadyLoad.Topic)).Select(queue => new MessageQueue(SteadyLoad.Topic, _broker.Name, queue)).ToArray();
            var own = strategy.Allocate(_group, ClientId, all, members);
            foreach (var lost in _queues.Keys.Except(own).ToArray())
            {
                await StopAsync(lost);
            }

            foreach (var queue in own.Where(queue => !_queues.ContainsKey(queue)))
            {
                var stop = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
                _queues[queue] = (stop, Task.Run(() => PullAsync(queue, stop.Token)));
            }

            await WaitAsync(TimeSpan.FromMilliseconds(100), _stopping.Token);
        }
    }

    private async Task StopAsync(MessageQueue queue)
    {
        _queues.Remove(queue, out var running);
        await running.Stop.CancelAsync();
        await running.Pulling;
        running.Stop.Dispose();
    }

    private async Task PullAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        await WaitAsync(Patience, cancellationToken);
        while (_locks && !cancellationToken.IsCancellationRequested && !await HasLockAsync(queue))
        {
            await WaitAsync(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return;
        }

        var next = await _client.Brokers.QueryConsumerOffsetAsync(_broker.Address, _group, queue, cancellationToken: CancellationToken.None) ?? 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var request = new PullRequest(_group, queue, next) { SubVersion = 1, SuspendTimeout = TimeSpan.FromMilliseconds(500) };
            var result = await _client.Brokers.PullAsync(_broker.Address, request, TimeSpan.FromSeconds(20), CancellationToken.None);
            var messages = new List<MessageExt>();
            if (result.Status == PullStatus.Found)
            {
                result.Decode(messages, queue.BrokerName);
            }

            if (messages.Count > 0)
            {
                DeliveryLog.Of(_group).Add(new MessageBatch([.. messages]), queue, ClientId);
                Interlocked.Add(ref _consumed, messages.Count);
            }

            next = result.NextBeginOffset;
            await _client.Brokers.UpdateConsumerOffsetAsync(_broker.Address, _group, queue, next, cancellationToken: CancellationToken.None);
        }

        if (_locks)
        {
            await _client.Brokers.UnlockAsync(_broker.Address, _group, ClientId, [queue], cancellationToken: CancellationToken.None);
        }
    }

    private async Task<bool> HasLockAsync(MessageQueue queue)
        => (await _client.Brokers.LockAsync(_broker.Address, _group, ClientId, [queue], CancellationToken.None)).Count == 1;

    private static async Task WaitAsync(TimeSpan time, CancellationToken cancellationToken)
        => await Task.Delay(time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
