using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>
/// The brokers as one member sees them: the simulated world behind the engine's port. What a dead member asks reaches nobody.
/// </summary>
internal sealed class SimulatedBrokers(SimulatedWorld world, Owner owner, Func<MessageQueue, MemberQueue?> find)
    : BrokerCalls(world), IBrokers
{
    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.HeartBeat, async () =>
        {
            await World.HeartbeatAsync(address);
            return true;
        });

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

    public async ValueTask<PullResult> PullAsync(
        string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        var queue = World.Find(request.Queue);
        var member = find(request.Queue);
        var window = member?.Window;
        if (request.CommitOffset > 0)
        {
            member?.Commits(request.CommitOffset);
        }

        var answer = await AskAsync(
            RequestCodes.PullMessage, () => World.PullAsync(owner, queue, request, window, cancellationToken));
        member?.Pulled(request.Offset, answer);
        return new PullResult(
            answer.Verdict switch
            {
                PullVerdict.Found => PullStatus.Found,
                PullVerdict.NothingNew => PullStatus.NoNewMessage,
                PullVerdict.NothingMatched => PullStatus.NoMatchedMessage,
                _ => PullStatus.OffsetIllegal,
            },
            answer.Next,
            queue.Min,
            answer.Max,
            BrokerData.MasterId,
            request.Pooled ? Records.Encode(queue, answer.Messages, member!.Bodies) : Records.Encode(queue, answer.Messages));
    }

    public Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.GetMinOffset, () => World.AskAsync(owner, World.Find(queue), at => at.Min, cancellationToken));

    public Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.GetMaxOffset, () => World.AskAsync(owner, World.Find(queue), at => at.Max, cancellationToken));

    public Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken)
        => GetMinOffsetAsync(address, queue, cancellationToken);

    public Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken)
        => AskAsync(
            RequestCodes.QueryConsumerOffset,
            () => World.ReadOffsetAsync(owner, World.Find(queue), () => find(queue)?.Looked(), cancellationToken));

    public Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
    {
        var window = find(queue)?.Window;

        // While a move is being stored nothing else is told.
        var isMove = find(queue)?.State.Move is { Step: MoveStep.Storing } move && move.Offset == offset;
        if (!isMove)
        {
            find(queue)?.Commits(offset);
        }

        return AskAsync(RequestCodes.UpdateConsumerOffset, async () =>
        {
            await World.WriteOffsetAsync(owner, World.Find(queue), offset, window, isMove);
            return true;
        });
    }

    public async Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        MessageQueue[] wanted = [.. queues];
        return await AskAsync(RequestCodes.LockBatchMessageQueue, async () =>
        {
            var granted = await World.LockAsync(owner, wanted);
            foreach (var queue in granted.Where(queue => find(queue) is { State.HasLock: false }))
            {
                World.Triggers.Enters(World.Find(queue).Index, Triggers.LockGranted);
            }

            return granted;
        });
    }

    public async Task UnlockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
    {
        MessageQueue[] given = [.. queues];
        await AskAsync(RequestCodes.UnlockBatchMessageQueue, async () =>
        {
            await World.UnlockAsync(owner, clientId, given);
            return true;
        });
    }

    public Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<string>>([owner.Name]);

    public Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.ConsumerSendMessageBack, async () =>
        {
            var (queue, message) = World.Find(request.Message);
            var isDead = request.DelayLevel < 0 || message.Attempts >= request.MaxReconsumeTimes;
            await World.SendBackAsync(owner, queue, message, isDead);
            return true;
        });

    // Where copies may go is known from the start.
    public Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult(new SubscriptionGroupConfig { RetryQueueNums = 1 });

    public Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing asks for all groups.");

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.SendMessage, async () =>
        {
            await World.SendCopyAsync(owner, copy);
            return true;
        });

    // These brokers are old enough to know levels only.
    public Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken) => Task.FromResult(false);
}
