using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Testing;

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
        var persister = new OffsetPersister(Options, FailingQueues, _time, NullLogger<OffsetPersister>.Instance);
        persister.Start();
        await UntilThirdRoundAsync();
        await persister.StopAsync();
    }

    [Fact]
    public async Task Checkpoints_are_written_in_the_round_after_one_that_failed()
    {
        var checkpoints = new GroupCheckpoints(Options, instance: null, storage: null!, GrainType.Create("queue"), _time, NullLogger<GroupCheckpoints>.Instance);
        checkpoints.Start(FailingQueues);
        await UntilThirdRoundAsync();
        await checkpoints.StopAsync();
    }

    private IEnumerable<QueuePump> FailingQueues()
    {
        Interlocked.Increment(ref _rounds);
        throw new InvalidOperationException("unexpected");
    }

    private Task UntilThirdRoundAsync() => Eventually.TrueAsync(
        () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref _rounds) >= 3;
        },
        "three rounds");
}
