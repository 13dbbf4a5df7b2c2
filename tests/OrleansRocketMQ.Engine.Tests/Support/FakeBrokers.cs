using System.Net;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>Brokers in memory that do what a test says: answer, refuse, or keep somebody waiting.</summary>
internal sealed class FakeBrokers(TimeProvider time) : IBrokers
{
    private readonly Dictionary<MessageQueue, List<byte[]>> _records = [];
    private readonly Dictionary<(string Address, MessageQueue Queue), string> _locks = [];

    public static BrokerResponseException Refusal(int code) => new(0, code, "no", "broker-a:10911");

    /// <summary>What calls fail with, by their name; asked each time.</summary>
    public Dictionary<string, Func<Exception?>> Faults { get; } = [];

    /// <summary>What calls wait for before they are answered, by their name.</summary>
    public Dictionary<string, Task> Holds { get; } = [];

    /// <summary>The names of the calls and where they went, in order.</summary>
    public List<(string Call, string Address)> Calls { get; } = [];

    /// <summary>The pulls that were made.</summary>
    public List<PullRequest> Pulls { get; } = [];

    /// <summary>How long each of them would have waited for its answer.</summary>
    public List<TimeSpan?> PullTimeouts { get; } = [];

    /// <summary>Answers to pulls in the place of the usual one; null: the usual one.</summary>
    public Func<PullRequest, PullResult?> Answer { get; set; } = static _ => null;

    /// <summary>The member that answers to pulls suggest for the next one.</summary>
    public long Suggested { get; set; }

    public Dictionary<MessageQueue, long> Offsets { get; } = [];

    /// <summary>Messages that are popped.</summary>
    public FakePops Pops { get; init; } = new(time);

    /// <summary>Every offset that was stored, by a call of its own.</summary>
    public List<long> Told { get; } = [];

    /// <summary>The offsets at which queues that are popped were told to go on.</summary>
    public List<long> Resets { get; } = [];

    public List<bool?> AskedForZero { get; } = [];

    public List<SendBackRequest> SentBack { get; } = [];

    public List<SendMessageRequest> Copies { get; } = [];

    /// <summary>How they treat the group.</summary>
    public SubscriptionGroupConfig GroupConfig { get; set; } = new() { RetryQueueNums = 1 };

    /// <summary>Whether they hold messages back to a time.</summary>
    public bool HasTimers { get; set; }

    /// <summary>Where a search by time leads.</summary>
    public Func<long, long> Search { get; set; } = static _ => 0;

    public List<long> Searched { get; } = [];

    public long MinOffset { get; set; }

    public List<string> Members { get; } = [];

    public static byte[] Record(MessageQueue queue, long offset, string properties = "", long stored = 0, int length = 4) => new StoredMessage
    {
        Topic = queue.Topic,
        QueueId = queue.QueueId,
        QueueOffset = offset,
        CommitLogOffset = offset * 1000,
        Body = new byte[length],
        Properties = properties,
        StoreTimestamp = stored,
        BornHost = new IPEndPoint(IPAddress.Loopback, 1),
        StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
    }.Encode();

    public void Store(MessageQueue queue, int count, string properties = "", long stored = 0)
    {
        var records = RecordsOf(queue);
        for (; count > 0; count--)
        {
            records.Add(Record(queue, records.Count, properties, stored));
        }
    }

    public void Truncate(MessageQueue queue, int count) => RecordsOf(queue).RemoveRange(count, RecordsOf(queue).Count - count);

    public string? HolderOf(MessageQueue queue) => _locks.GetValueOrDefault((FakeRoutes.AddressOf(queue.BrokerName), queue));

    public int CountOf(string call) => Calls.Count(made => made.Call == call);

    public async ValueTask<PullResult> PullAsync(string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        Pulls.Add(request);
        PullTimeouts.Add(timeout);
        await CallAsync("pull", address, cancellationToken);
        if (Answer(request) is { } answer)
        {
            return answer;
        }

        // As a broker does: at once, also when the pull then waits.
        if (request.CommitOffset > 0)
        {
            Offsets[request.Queue] = request.CommitOffset;
        }

        var records = RecordsOf(request.Queue);
        var asked = time.GetTimestamp();
        while (request.Offset >= records.Count && time.GetElapsedTime(asked) < request.SuspendTimeout)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        var found = records.Skip((int)request.Offset).Take(request.MaxMessages).ToArray();
        return new PullResult(
            found.Length > 0 ? PullStatus.Found : PullStatus.NoNewMessage,
            request.Offset + found.Length,
            MinOffset,
            records.Count,
            Suggested,
            found.SelectMany(static record => record).ToArray());
    }

    public async Task<PopResult> PopAsync(string address, PopRequest request, CancellationToken cancellationToken)
    {
        await CallAsync("pop", address, cancellationToken);
        return await Pops.PopAsync(request, cancellationToken);
    }

    public async Task ResetOffsetAsync(string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        await CallAsync("reset", address, cancellationToken);
        Resets.Add(offset);
        Pops.Reset(offset);

        // Pops may be answered before it.
        if (Holds.TryGetValue("answer to reset", out var answer))
        {
            await answer;
        }
    }

    public async Task AckAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
    {
        await CallAsync("ack", address, cancellationToken);
        Pops.Ack(handles);
    }

    public async Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string group,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken)
    {
        await CallAsync("change", address, cancellationToken);
        return Pops.Change(handle, invisibleTime);
    }

    public async Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
    {
        await CallAsync("min", address, cancellationToken);
        return MinOffset;
    }

    public async Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
    {
        await CallAsync("max", address, cancellationToken);
        return RecordsOf(queue).Count;
    }

    public async Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken)
    {
        Searched.Add(timestamp);
        await CallAsync("search", address, cancellationToken);
        return Search(timestamp);
    }

    public async Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken)
    {
        AskedForZero.Add(setZeroIfNotFound);
        await CallAsync("query", address, cancellationToken);
        return Offsets.TryGetValue(queue, out var offset) ? offset : null;
    }

    public async Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        await CallAsync("update", address, cancellationToken);
        Offsets[queue] = offset;
        Told.Add(offset);
    }

    public async Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        await CallAsync("lock", address, cancellationToken);
        return [.. queues.Where(queue => _locks.TryAdd((address, queue), clientId) || _locks[(address, queue)] == clientId)];
    }

    public async Task UnlockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        await CallAsync("unlock", address, cancellationToken);
        foreach (var queue in queues.Where(queue => _locks.GetValueOrDefault((address, queue)) == clientId))
        {
            _locks.Remove((address, queue));
        }
    }

    public async Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
    {
        await CallAsync("members", address, cancellationToken);
        return [.. Members];
    }

    public async Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
    {
        await CallAsync("sendback", address, cancellationToken);
        SentBack.Add(request);
    }

    public async Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
    {
        await CallAsync("groupconfig", address, cancellationToken);
        return GroupConfig;
    }

    public async Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
    {
        await CallAsync("allgroups", address, cancellationToken);
        return GroupConfig;
    }

    public async Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
    {
        await CallAsync("copy", string.Empty, cancellationToken);
        Copies.Add(copy);
    }

    public async Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
    {
        if (HasTimers)
        {
            await SendCopyAsync(copy, cancellationToken);
        }

        return HasTimers;
    }

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken) => CallAsync("heartbeat", address, cancellationToken);

    private async Task CallAsync(string call, string address, CancellationToken cancellationToken)
    {
        Calls.Add((call, address));
        if (Holds.TryGetValue(call, out var hold))
        {
            await hold.WaitAsync(cancellationToken);
        }

        if (Faults.TryGetValue(call, out var fault) && fault() is { } exception)
        {
            throw exception;
        }
    }

    private List<byte[]> RecordsOf(MessageQueue queue)
    {
        if (!_records.TryGetValue(queue, out var records))
        {
            _records[queue] = records = [];
        }

        return records;
    }
}
