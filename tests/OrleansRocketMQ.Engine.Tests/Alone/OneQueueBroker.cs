using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Alone;

/// <summary>A broker with one queue, in memory.</summary>
internal sealed class OneQueueBroker(MessageQueue queue, TimeProvider time) : IBrokers
{
    private readonly List<byte[]> _records = [];
    private string? _lockHolder;

    /// <summary>What the group has committed; null when nothing.</summary>
    public long? Committed { get; private set; }

    public bool IsLocked => _lockHolder is not null;

    /// <summary>How long the answer takes that tells the group's offset.</summary>
    public TimeSpan OffsetTakes { get; set; }

    /// <summary>How long the answer takes when the group's offset is stored, which it is at once.</summary>
    public TimeSpan StoreTakes { get; set; }

    /// <summary>Whether the broker refuses to store the group's offset, once the time for that is over.</summary>
    public bool IsStoreRefused { get; set; }

    /// <summary>Where the next pull is sent; null when nowhere.</summary>
    public long? ResetTo { get; set; }

    /// <summary>Another member of the group has consumed up to an offset.</summary>
    public void Commit(long offset) => Committed = offset;

    public void Store(int messages)
    {
        for (var stored = 0; stored < messages; stored++)
        {
            _records.Add(new StoredMessage
            {
                Topic = queue.Topic,
                QueueOffset = _records.Count,
                CommitLogOffset = _records.Count * 1000L,
                Body = "body"u8.ToArray(),
                Properties = $"{MessageProperties.ShardingKey}\u0001{_records.Count % 3}\u0002",
                BornHost = new IPEndPoint(IPAddress.Loopback, 1),
                StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
            }.Encode());
        }
    }

    public async ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        if (request.CommitOffset > 0)
        {
            Committed = request.CommitOffset;
        }

        var asked = time.GetTimestamp();
        while (request.Offset >= _records.Count && time.GetElapsedTime(asked) < request.SuspendTimeout)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        if (ResetTo is { } reset)
        {
            ResetTo = null;
            return new PullResult(PullStatus.OffsetIllegal, reset, MinOffset: 0, _records.Count, SuggestedBrokerId: 0, default);
        }

        var found = _records.Skip((int)request.Offset).Take(request.MaxMessages).ToArray();
        return new PullResult(
            found.Length > 0 ? PullStatus.Found : PullStatus.NoNewMessage,
            request.Offset + found.Length,
            MinOffset: 0,
            _records.Count,
            SuggestedBrokerId: 0,
            found.SelectMany(static record => record).ToArray());
    }

    public Task ResetOffsetAsync(string address, string group, MessageQueue of, long offset, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing is popped here.");

    public Task<PopResult> PopAsync(string address, PopRequest request, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing is popped here.");

    public Task AckAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing is popped here.");

    public Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string group,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing is popped here.");

    public Task<long> GetMinOffsetAsync(string address, MessageQueue of, CancellationToken cancellationToken) => Task.FromResult(0L);

    public Task<long> GetMaxOffsetAsync(string address, MessageQueue of, CancellationToken cancellationToken) => Task.FromResult((long)_records.Count);

    public Task<long> SearchOffsetAsync(string address, MessageQueue of, long timestamp, CancellationToken cancellationToken) => Task.FromResult(0L);

    public async Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue of, bool? setZeroIfNotFound, CancellationToken cancellationToken)
    {
        var answer = Committed;
        await TakeAsync(OffsetTakes, cancellationToken);
        return answer;
    }

    public async Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue of, long offset, CancellationToken cancellationToken)
    {
        if (IsStoreRefused)
        {
            await TakeAsync(StoreTakes, cancellationToken);
            throw new BrokerResponseException(RequestCodes.UpdateConsumerOffset, ResponseCodes.SystemError, null, address);
        }

        Committed = offset;
        await TakeAsync(StoreTakes, cancellationToken);
    }

    public Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        _lockHolder ??= clientId;
        return Task.FromResult<IReadOnlyList<MessageQueue>>(_lockHolder == clientId ? [.. queues] : []);
    }

    public Task UnlockAsync(string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        _lockHolder = _lockHolder == clientId ? null : _lockHolder;
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<string>>([]);

    public Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing fails here.");

    public Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult(new SubscriptionGroupConfig { RetryQueueNums = 1 });

    public Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing asks for all groups.");

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing fails here.");

    public Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing fails here.");

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken) => Task.CompletedTask;

    private Task TakeAsync(TimeSpan takes, CancellationToken cancellationToken)
        => takes > TimeSpan.Zero ? Task.Delay(takes, time, cancellationToken) : Task.CompletedTask;
}
