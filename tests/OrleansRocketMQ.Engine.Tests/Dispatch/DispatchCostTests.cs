using OrleansRocketMQ.Engine.Dispatch;
using OrleansRocketMQ.Engine.Dispatch.Concurrent;
using OrleansRocketMQ.Engine.Dispatch.KeyOrdered;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Dispatch;

/// <summary>
/// Memory that the engine allocates from a message that has come to its end, without pull, grain call and listener. The bounds have
/// room, and a build that is not optimised takes more: what counts is that nothing is allocated for each message that may be
/// shared.
/// </summary>
public sealed class DispatchCostTests
{
    private const int PerPull = 32;
    private const int Pulls = 64;

    private readonly DispatchLab _lab = new();

    // The array of a run has a place for it; the rest of a run is shared by its messages.
    [Fact]
    public void Of_a_message_in_no_order_it_is_its_place_and_a_share_of_its_run()
    {
        var dispatcher = new ConcurrentDispatcher(
            _lab.Options, new QuickListeners(), _lab.Retry, _lab.World.Runtime, _lab.Log.For<ConcurrentDispatcher>());

        Assert.InRange(BytesPerMessage(dispatcher, keys: 0), 8, 56);
    }

    // Each key of a pull has a run of its own.
    [Fact]
    public void Of_a_message_with_a_key_it_is_its_place_and_a_share_of_its_run()
    {
        var dispatcher = new KeyOrderedDispatcher(
            _lab.Options, new QuickListeners(), _lab.Retry, _lab.World.Runtime, _lab.Log.For<KeyOrderedDispatcher>());

        Assert.InRange(BytesPerMessage(dispatcher, keys: 8), 16, 260);
    }

    private double BytesPerMessage(IQueueDispatcher dispatcher, int keys)
    {
        var queue = _lab.Queue();
        var pulls = Enumerable.Range(0, 2 * Pulls).Select(pull => Pull(pull, keys)).ToArray();
        dispatcher.Start();
        Consume(pulls.AsSpan(0, Pulls));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Consume(pulls.AsSpan(Pulls));
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(2 * Pulls * PerPull, queue.Watermark);
        return (double)allocated / (Pulls * PerPull);

        void Consume(ReadOnlySpan<List<MessageExt>> come)
        {
            foreach (var messages in come)
            {
                queue.Add(messages);
                dispatcher.Signal(queue);
                _lab.World.Steps.Run();
            }
        }
    }

    private static List<MessageExt> Pull(int number, int keys) => TestMessages.Pull(
        Enumerable.Range(number * PerPull, PerPull).Select(static offset => (long)offset),
        shardingKey: offset => keys == 0 ? null : $"{offset % keys}");

    /// <summary>Listeners that are done at once, and allocate nothing for it.</summary>
    private sealed class QuickListeners : IListeners, IListener
    {
        private readonly Task<ListenerOutcome>[] _outcomes =
            [.. Enumerable.Range(0, 65).Select(static count => Task.FromResult(new ListenerOutcome(count, TimeSpan.Zero, null)))];

        public IListener OfSlot(int slot) => this;

        public IListener OfKey(string key) => this;

        public IQueueListener OfQueue(MessageQueue queue) => throw new NotSupportedException();

        public Task<bool> IsReadyAsync(CancellationToken cancellationToken) => Task.FromResult(true);

        public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
            => _outcomes[call.Messages.Count];

        public Task<CallWord<ListenerOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken)
            => Task.FromResult(default(CallWord<ListenerOutcome>));
    }
}
