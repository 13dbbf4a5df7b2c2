using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tracing;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>A round of a loop meets what nobody expected; the next round comes all the same.</summary>
public sealed class LoopFaultTests
{
    private static readonly ConsumerOptions Options = new() { Group = "g", PersistInterval = TimeSpan.FromSeconds(1), CheckpointInterval = TimeSpan.FromSeconds(1) };

    private readonly FakeTimeProvider _time = new();
    private int _rounds;

    [Fact]
    public async Task Progress_is_stored_in_the_round_after_one_that_failed()
    {
        var persister = new OffsetPersister(Options, FailingQueues, SiloRuntime.Of(_time), NullLogger<OffsetPersister>.Instance);
        persister.Start();
        await UntilThirdRoundAsync();
        await persister.StopAsync();
    }

    [Fact]
    public async Task Checkpoints_are_written_in_the_round_after_one_that_failed()
    {
        var checkpoints = new GroupCheckpoints(Options, storage: null!, SiloRuntime.Of(_time), NullLogger<GroupCheckpoints>.Instance);
        checkpoints.Start(FailingQueues);
        await UntilThirdRoundAsync();
        await checkpoints.StopAsync();
    }

    [Fact]
    public async Task Progress_goes_on_being_stored_at_one_broker_while_another_does_not_answer()
    {
        var (silent, serving) = (new TaskCompletionSource(), new CountedQueue("serves", Task.CompletedTask));
        var persister = new OffsetPersister(Options, () => [new CountedQueue("silent", silent.Task), serving], SiloRuntime.Of(_time), NullLogger<OffsetPersister>.Instance);
        persister.Start();

        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return serving.Commits >= 3;
            },
            "three rounds at the broker that serves");

        silent.SetResult();
        await persister.StopAsync();
    }

    [Fact]
    public async Task A_round_that_fails_while_the_loop_is_told_to_stop_does_not_fail_the_stop()
    {
        using var stopped = new ManualResetEventSlim();
        var checkpoints = new GroupCheckpoints(Options, storage: null!, SiloRuntime.Of(_time), NullLogger<GroupCheckpoints>.Instance);
        var persister = new OffsetPersister(Options, QueuesThatFailLate, SiloRuntime.Of(_time), NullLogger<OffsetPersister>.Instance);
        checkpoints.Start(QueuesThatFailLate);
        persister.Start();
        await UntilRoundAsync(2);

        Task[] stopping = [checkpoints.StopAsync(), persister.StopAsync()];
        stopped.Set();

        await Task.WhenAll(stopping).WaitAsync(Eventually.Deadline);

        IEnumerable<QueuePump> QueuesThatFailLate()
        {
            Interlocked.Increment(ref _rounds);
            stopped.Wait(Eventually.Deadline);
            throw new InvalidOperationException("unexpected");
        }
    }

    [Fact]
    public async Task Message_trace_is_tried_again_after_its_producer_could_not_be_made_and_its_stop_does_not_fail()
    {
        var trace = new MessageTrace("g", "trace", FailingProducer, _time, NullLogger.Instance);
        trace.Start();
        await UntilRoundAsync(3);

        await trace.StopAsync(TimeSpan.Zero).WaitAsync(Eventually.Deadline);

        Producer FailingProducer()
        {
            Interlocked.Increment(ref _rounds);
            throw new InvalidOperationException("unexpected");
        }
    }

    private IEnumerable<QueuePump> FailingQueues()
    {
        Interlocked.Increment(ref _rounds);
        throw new InvalidOperationException("unexpected");
    }

    private Task UntilThirdRoundAsync() => UntilRoundAsync(3);

    private Task UntilRoundAsync(int rounds) => Eventually.TrueAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref _rounds) >= rounds;
        },
        $"{rounds} rounds");

    private sealed class CountedQueue(string broker, Task answer) : IStoredQueue
    {
        private int _commits;

        public int Commits => Volatile.Read(ref _commits);

        public MessageQueue Queue { get; } = new("t", broker, 0);

        public string Broker => broker;

        public bool MayHaveNews => true;

        public Task CommitAsync()
        {
            Interlocked.Increment(ref _commits);
            return answer;
        }
    }
}
