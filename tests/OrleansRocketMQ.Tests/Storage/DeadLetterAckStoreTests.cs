using Orleans.Runtime;
using OrleansRocketMQ.DeadLetters;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Management;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Storage;

/// <summary>Which dead letters are handled, while somebody lists them and others are being sent again (finding M12).</summary>
public sealed class DeadLetterAckStoreTests
{
    // Less than the time after which a broker closes a connection nobody uses.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task What_was_handled_while_the_broker_was_asked_where_letters_begin_stays_handled()
    {
        var time = new FakeTimeProvider();
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1, TestRocketMQ.QuickRetries with { TimeProvider = time });
        await rocketmq.CreateGroupAsync();
        await rocketmq.Client.Routes.GetAsync(TestRocketMQ.Topic);
        var (queue, state) = (rocketmq.Queue(0), new StateInMemory());
        await rocketmq.SendAsync(3);
        var acks = new DeadLetterAckStore(new DeadLetterReader(rocketmq.Client, rocketmq.MyGroup), state);
        Assert.Equal(0, await acks.ReadPositionAsync(queue, CancellationToken.None));

        // The broker has told what it has; the answer to the second question, where the queue begins, is late.
        var asked = rocketmq.Faults.RequestsSeen(RequestCodes.GetMinOffset);
        using var late = rocketmq.Faults.Inject(Fault.Delay(Late) with { RequestCode = RequestCodes.GetMinOffset, Times = 1 });
        var reading = acks.ReadPositionAsync(queue, CancellationToken.None);
        await Eventually.TrueAsync(() => rocketmq.Faults.RequestsSeen(RequestCodes.GetMinOffset) > asked, "the broker is asked");
        await acks.AckAsync(queue, 0, CancellationToken.None);
        await acks.AckAsync(queue, 1, CancellationToken.None);
        Assert.False(reading.IsCompleted);
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(Late);
                return reading.IsCompleted;
            },
            "the answer comes");

        Assert.Equal(2, await reading);
        Assert.True(acks.IsAcked(queue, 1));
        Assert.False(acks.IsAcked(queue, 2));

        // It was handled at the position: nothing above it had to be stored.
        await acks.AckAsync(queue, 2, CancellationToken.None);
        Assert.Equal(0, state.Writes);
        Assert.Equal(3, await acks.ReadPositionAsync(queue, CancellationToken.None));
    }

    private sealed class StateInMemory : IPersistentState<DeadLetterState>
    {
        public DeadLetterState State { get; set; } = new();

        public string Etag => string.Empty;

        public bool RecordExists => Writes > 0;

        public int Writes { get; private set; }

        public Task ClearStateAsync() => Task.CompletedTask;

        public Task ReadStateAsync() => Task.CompletedTask;

        public Task WriteStateAsync()
        {
            Writes++;
            return Task.CompletedTask;
        }
    }
}
