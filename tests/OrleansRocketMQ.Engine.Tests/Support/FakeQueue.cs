using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>A queue as dispatchers see it, without anybody who pulls.</summary>
internal sealed class FakeQueue : IDispatchedQueue
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _abandon = new();
    private long _next;

    public FakeQueue(TimeProvider time, int number = 0, long mostBytes = long.MaxValue, BatchRule? rule = null, bool byPriority = false)
    {
        Queue = new("T", "broker-a", number);
        Runs = new DispatchBuffer(new ProcessQueue(0, new QueueQuotaUsage(Budgets)), rule: rule, byPriority: byPriority) { MostBytes = mostBytes };
        Ownership = QueueLease.WithoutLock(_stopping.Token, _abandon.Token);
        Running = new(time);
        Statistics = new(time, Metrics);
    }

    public QueueQuotas Budgets { get; } = new(new(long.MaxValue), new(long.MaxValue), new(long.MaxValue), new(long.MaxValue));

    public MessageQueue Queue { get; }

    public DispatchBuffer Runs { get; }

    public QueueLease Ownership { get; set; }

    public CancellationToken ListenerToken => Ownership.Listening;

    public CancellationToken Stopping => _stopping.Token;

    public CancellationToken Abandoned => _abandon.Token;

    public RunningCalls Running { get; }

    public QueueStatistics Statistics { get; }

    public FakeMetrics Metrics { get; } = new();

    public bool IsGroupStopping { get; set; }

    public bool DoListenersMove { get; set; }

    public bool IsBehind { get; set; }

    public List<Task> Tracked { get; } = [];

    public int Progress { get; private set; }

    public int Returned { get; private set; }

    public List<Exception> Failures { get; } = [];

    public long Watermark => Runs.Window.Watermark;

    /// <summary>The offset of the next message that comes.</summary>
    public long Next => _next;

    public void Track(Task task) => Tracked.Add(task);

    public void OnProgress() => Progress++;

    public void OnReturned() => Returned++;

    public void Fail(Exception exception) => Failures.Add(exception);

    /// <summary>Messages come, one for each key.</summary>
    public void Add(params string?[] keys)
        => Add([.. keys.Select((key, index) => TestMessages.At(_next + index, shardingKey: key))]);

    public void Add(int count) => Add(new string?[count]);

    public void Add(List<MessageExt> messages)
    {
        _next = messages[^1].QueueOffset + 1;
        Runs.Window.Add(messages, _next);
    }

    /// <summary>The queue begins anew at another offset.</summary>
    public void Restart(long offset)
    {
        _next = offset;
        Runs.Restart(new ProcessQueue(offset, new QueueQuotaUsage(Budgets)));
    }

    public void Stop()
    {
        Runs.Close();
        _stopping.Cancel();
    }

    public void Abandon() => _abandon.Cancel();
}

/// <summary>What a queue has told the meter.</summary>
internal sealed class FakeMetrics : IQueueMetrics
{
    public Dictionary<string, int> Counts { get; } = [];

    public List<string?> ErrorTypes { get; } = [];

    public List<TimeSpan> TakenOverAfter { get; } = [];

    /// <summary>What it fails with when it is told of messages that succeeded.</summary>
    public Func<Exception?> Fault { get; set; } = static () => null;

    public int this[string name] => Counts.GetValueOrDefault(name);

    public void Succeeded(int messages)
    {
        if (Fault() is { } fault)
        {
            throw fault;
        }

        Add("succeeded", messages);
    }

    public void Failed(int messages, string? errorType)
    {
        Add("failed", messages);
        if (messages > 0)
        {
            ErrorTypes.Add(errorType);
        }
    }

    public void Failed(IReadOnlyList<FailedMessage>? failures)
    {
        Add("failed", failures?.Count ?? 0);
        ErrorTypes.AddRange(failures?.Select(failure => failure.ErrorType) ?? []);
    }

    public void Retried(int messages) => Add("retried", messages);

    public void FiledAsDead(int messages) => Add("dead", messages);

    public void Parked() => Add("parked", 1);

    public void Pulled(TimeSpan took, string broker) => Add("pulled", 1);

    public void PullFailed(TimeSpan took, string broker, Exception error) => Add("pull failed", 1);

    public void CameLate(int messages) => Add("late", messages);

    public void LockLost() => Add("locklost", 1);

    public void TakenOver(TimeSpan pause) => TakenOverAfter.Add(pause);

    private void Add(string name, int count) => Counts[name] = this[name] + count;
}
