using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>Messages come again; their effects do not.</summary>
public sealed class EffectsOnceTests
{
    private static readonly ConsumerScope Orders = ConsumerScope.OfTopic(TestRocketMQ.Topic);
    private readonly JsonStorage _storage = new();

    [Theory]
    [InlineData(Mode.KeyOrdered)]
    [InlineData(Mode.Orderly)]
    public async Task A_seek_back_brings_messages_again_and_no_effect(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, mode);
        await rocketmq.PayAsync("north", 10);
        await rocketmq.UntilCommittedAsync(10);

        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin);

        await TillScript.Of(rocketmq.MyGroup).UntilDeliveredAsync(20);
        await rocketmq.UntilCommittedAsync(10);
        Assert.Equal(Enumerable.Range(0, 10), _storage.Payments());
    }

    [Theory]
    [InlineData(Mode.KeyOrdered)]
    [InlineData(Mode.Orderly)]
    public async Task A_seek_that_says_so_brings_each_effect_once_more(Mode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, mode);
        await rocketmq.PayAsync("north", 10);
        await rocketmq.UntilCommittedAsync(10);

        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin with { EffectsAgain = true });

        await TillScript.Of(rocketmq.MyGroup).UntilDeliveredAsync(20);
        await rocketmq.UntilCommittedAsync(10);
        Assert.Equal(Enumerable.Range(0, 10).Concat(Enumerable.Range(0, 10)), _storage.Payments());
        var mark = Assert.Single((await rocketmq.Management(cluster).GetFlowAsync()).Seeks);
        Assert.Equal((Orders, true), (mark.Scope, mark.Reading.Effects == mark.Reading.Seek));
    }

    [Fact]
    public async Task What_a_seek_forward_has_left_out_has_its_effect_when_another_goes_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered);
        await rocketmq.PayAsync("north", 5);
        await rocketmq.UntilCommittedAsync(5);
        await rocketmq.Management(cluster).PauseAsync(ConsumerScope.Everything);
        await rocketmq.PayAsync("north", 5, first: 5);
        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.End);
        await rocketmq.Management(cluster).ResumeAsync(ConsumerScope.Everything);
        await rocketmq.PayAsync("north", 5, first: 10);
        await rocketmq.UntilCommittedAsync(15);
        Assert.Equal([0, 1, 2, 3, 4, 10, 11, 12, 13, 14], _storage.Payments());

        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin);

        await Eventually.TrueAsync(() => _storage.Payments().Count() == 15, () => $"15 effects; there are {_storage.Payments().Count()}");
        await rocketmq.UntilCommittedAsync(15);
        Assert.Equal([0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 5, 6, 7, 8, 9], _storage.Payments());
    }

    [Fact]
    public async Task A_seek_that_cannot_be_noted_goes_on_unless_effects_are_to_run_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered);
        await rocketmq.PayAsync("north", 5);
        await rocketmq.UntilCommittedAsync(5);
        _storage.OnWrite = name => name == "flow" ? Writing.Fails : Writing.Succeeds;

        await Assert.ThrowsAnyAsync<Exception>(() => rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin with { EffectsAgain = true }));
        Assert.Equal(5, TillScript.Of(rocketmq.MyGroup).Delivered.Count);
        await rocketmq.Management(cluster).SeekAsync(Orders, SeekTarget.Begin);

        await TillScript.Of(rocketmq.MyGroup).UntilDeliveredAsync(10);
        Assert.Contains(TillRocketMQ.Log.Lines, line => line.Contains(rocketmq.MyGroup, StringComparison.Ordinal) && line.Contains("The seek goes on; effects do not run again", StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, 5), _storage.Payments());
    }

    [Fact]
    public async Task Effects_that_could_not_be_stored_are_there_once_in_the_end()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var writes = 0;
        _storage.OnWrite = name => name != "till" ? Writing.Succeeds : (Interlocked.Increment(ref writes) % 4) switch
        {
            1 => Writing.Fails,
            2 => Writing.FailsAfterwards,
            _ => Writing.Succeeds,
        };
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered);

        await rocketmq.PayAsync("north", 20);

        await rocketmq.UntilCommittedAsync(20);
        Assert.Equal(Enumerable.Range(0, 20), _storage.Payments());
        Assert.True(TillScript.Of(rocketmq.MyGroup).Delivered.Count > 20);
        Assert.Equal(Enumerable.Range(0, 20), await cluster.Silos.Client.GetGrain<ITill>("north").GetAsync());
    }

    [Fact]
    public async Task Of_a_message_that_fails_nothing_stays()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var failures = 0;
        TillScript.Of(rocketmq.MyGroup).Applying = payment =>
        {
            if (payment.Number == 3 && Interlocked.Increment(ref failures) < 3)
            {
                throw new InvalidOperationException("Not yet.");
            }
        };
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered, options => options.ConsumeBatchSize = 8);

        await rocketmq.PayAsync("north", 8);

        await rocketmq.UntilCommittedAsync(8);
        Assert.Equal(Enumerable.Range(0, 8), _storage.Payments());
        Assert.Equal(3, failures);
    }

    [Fact]
    public async Task A_message_that_is_put_off_has_its_effect_once_when_it_comes_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var attempts = 0;
        TillScript.Of(rocketmq.MyGroup).Saying = (message, context) =>
        {
            if (message.Value.Number == 3 && Interlocked.Increment(ref attempts) < 3)
            {
                context.RetryAfter(message, TimeSpan.FromMilliseconds(50));
            }
        };
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered);

        await rocketmq.PayAsync("north", 6);

        await rocketmq.UntilCommittedAsync(6);
        Assert.Equal(Enumerable.Range(0, 6), _storage.Payments());
    }

    [Fact]
    public async Task A_topic_that_was_deleted_and_made_anew_loses_nothing()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using (await ConsumeAsync(rocketmq, Mode.KeyOrdered))
        {
            await rocketmq.PayAsync("north", 10);
            await rocketmq.UntilCommittedAsync(10);
        }

        rocketmq.Broker.DeleteTopic(TestRocketMQ.Topic);
        rocketmq.Embedded.CreateTopic(TestRocketMQ.Topic, 1);
        await rocketmq.PayAsync("north", 5, first: 10);
        await using var again = await ConsumeAsync(rocketmq, Mode.KeyOrdered);

        await rocketmq.UntilCommittedAsync(5);
        Assert.Equal(Enumerable.Range(0, 15), _storage.Payments());
    }

    [Fact]
    public async Task A_message_without_a_key_is_a_dead_letter()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var cluster = await ConsumeAsync(rocketmq, Mode.KeyOrdered);

        await rocketmq.Producer.SendAsync(TestRocketMQ.Topic, new Payment(1));

        await rocketmq.UntilCommittedAsync(1);
        await Eventually.TrueAsync(
            async () => (await cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup).ListAsync()).Letters.Count == 1,
            "the message among the dead letters");
        Assert.Empty(_storage.Payments());
    }

    [Fact]
    public async Task A_group_that_parks_messages_cannot_know_them_by_their_place()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();

        var refused = await Assert.ThrowsAnyAsync<Exception>(
            () => ConsumeAsync(rocketmq, Mode.Orderly, options => options.PoisonHandling = PoisonHandling.Park));

        Assert.Contains("PoisonHandling is 'Park', expected Block", refused.ToString(), StringComparison.Ordinal);
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, Mode mode, Action<ConsumerOptions>? configure = null) => mode == Mode.Orderly
        ? rocketmq.ConsumeAtTillsAsync<QueueTill>(_storage, configure: configure)
        : rocketmq.ConsumeAtTillsAsync<Till>(_storage, configure: configure);
}
