using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Simulation.Members;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>The brokers as one member sees them that pops.</summary>
internal sealed class PopBrokers(PopWorld world, PopMember member) : BrokerCalls(world.Weather), IBrokers
{
    private Owner Owner => member.Owner;

    public Task HeartbeatToAsync(string address, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.HeartBeat, async () =>
        {
            await world.Weather.HeartbeatAsync(address);
            return true;
        });

    public Task ResetOffsetAsync(string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => DoAsync(
            RequestCodes.InvokeBrokerToResetOffset, () => world.ResetAsync(Owner, world.Find(queue), offset, cancellationToken));

    public async Task<PopResult> PopAsync(string address, PopRequest request, CancellationToken cancellationToken)
    {
        var holder = member.HolderOf(request.Queue);
        var (result, popped) = await AskAsync(
            RequestCodes.PopMessage, () => world.PopAsync(holder, request, cancellationToken));
        world.Ledger.Received(holder, popped);
        return result;
    }

    public Task AckAsync(
        string address, string group, string topic, IReadOnlyCollection<ReceiptHandle> handles, CancellationToken cancellationToken)
    {
        foreach (var handle in handles)
        {
            world.Ledger.Tells(world.DeliveryOf(handle), handle);
        }

        return DoAsync(
            RequestCodes.AckMessage, () => world.AckAsync(world.DeliveryOf(handles.First()).Holder, handles, cancellationToken));
    }

    public async Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string group,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken)
    {
        var delivery = world.DeliveryOf(handle);
        world.Ledger.Tells(delivery, handle);
        var asked = world.Time.Now;
        var next = await AskAsync(
            RequestCodes.ChangeMessageInvisibleTime, () => world.ChangeAsync(delivery.Holder, handle, invisibleTime, cancellationToken));
        delivery.Heard = next ?? delivery.Heard;
        delivery.BelievedUntil = next is null ? Math.Min(delivery.BelievedUntil, world.Time.Now) : asked + invisibleTime.Ticks;
        return next;
    }

    public async ValueTask<PullResult> PullAsync(
        string address, PullRequest request, TimeSpan? timeout, CancellationToken cancellationToken)
        => await AskAsync(
            RequestCodes.PullMessage, () => world.PullAsync(member.HolderOf(request.Queue), request, cancellationToken));

    public Task<long> GetMinOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.GetMinOffset, () => world.AskAsync(Owner, world.Find(queue), static _ => 0L, cancellationToken));

    public Task<long> GetMaxOffsetAsync(string address, MessageQueue queue, CancellationToken cancellationToken)
        => AskAsync(RequestCodes.GetMaxOffset, () => world.AskAsync(Owner, world.Find(queue), static log => log.Max, cancellationToken));

    public Task<long> SearchOffsetAsync(string address, MessageQueue queue, long timestamp, CancellationToken cancellationToken)
        => GetMinOffsetAsync(address, queue, cancellationToken);

    public Task<long?> QueryConsumerOffsetAsync(
        string address, string group, MessageQueue queue, bool? setZeroIfNotFound, CancellationToken cancellationToken)
        => AskAsync(
            RequestCodes.QueryConsumerOffset, () => world.ReadOffsetAsync(Owner, world.Find(queue), cancellationToken));

    public Task UpdateConsumerOffsetAsync(
        string address, string group, MessageQueue queue, long offset, CancellationToken cancellationToken)
        => DoAsync(
            RequestCodes.UpdateConsumerOffset, () => world.WriteOffsetAsync(Owner, world.Find(queue), offset, cancellationToken));

    public Task<IReadOnlyList<MessageQueue>> LockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Who pops needs no locks.");

    public Task UnlockAsync(
        string address, string group, string clientId, IEnumerable<MessageQueue> queues, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Who pops needs no locks.");

    public Task<IReadOnlyList<string>> GetConsumerIdsAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult<IReadOnlyList<string>>([Owner.Name]);

    public Task SendBackAsync(string address, SendBackRequest request, CancellationToken cancellationToken)
        => DoAsync(RequestCodes.ConsumerSendMessageBack, () => world.SendBackAsync(Owner, request));

    // Where copies may go is known from the start.
    public Task<SubscriptionGroupConfig> GetGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => Task.FromResult(new SubscriptionGroupConfig { RetryQueueNums = 1 });

    public Task<SubscriptionGroupConfig?> FindGroupConfigAsync(string address, string group, CancellationToken cancellationToken)
        => throw new InvalidOperationException("Nothing asks for all groups.");

    public Task SendCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken)
        => DoAsync(RequestCodes.SendMessage, () => world.SendCopyAsync(Owner, copy));

    // These brokers know levels only for what was pulled.
    public Task<bool> SendTimedCopyAsync(SendMessageRequest copy, CancellationToken cancellationToken) => Task.FromResult(false);

    private Task<bool> DoAsync(int request, Func<Task> act) => AskAsync(request, async () =>
    {
        await act();
        return true;
    });
}
