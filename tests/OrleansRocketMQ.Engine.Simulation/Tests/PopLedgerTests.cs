using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Simulation.Checking;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.Pops;
using OrleansRocketMQ.Engine.Simulation.World;
using Xunit;

namespace OrleansRocketMQ.Engine.Simulation.Tests;

/// <summary>What the checker of pops takes for a fault, and what not.</summary>
public sealed class PopLedgerTests
{
    private static readonly Setup Setup = PopSetup.Of(6) with { Faults = [], MayStandStill = false };

    private static readonly TimeSpan Invisible = PopSetup.InvisibleTimeOf(Setup.Seed);

    [Fact]
    public void What_nobody_has_consumed_must_not_be_acknowledged()
        => Breaks(PopLedger.OnlyDone, async lab => await lab.AckAsync((await lab.PopAsync()).Handle));

    [Fact]
    public void What_a_listener_has_consumed_may_be_acknowledged() => Breaks(null, async lab =>
    {
        var delivery = await lab.PopAsync();
        lab.Consume(delivery);
        await lab.AckAsync(delivery.Handle);
        lab.World.Ledger.CheckEnd();
    });

    [Fact]
    public void A_message_must_not_be_told_of_by_a_handle_that_a_member_knows_to_be_old() => Breaks(PopLedger.HandleCounts, async lab =>
    {
        var delivery = await lab.PopAsync();
        var old = delivery.Handle;
        delivery.Heard = (await lab.World.ChangeAsync(lab.Holder, old, Invisible, CancellationToken.None))!.Value;
        lab.World.Ledger.Tells(delivery, old);
    });

    [Fact]
    public void What_a_listener_has_consumed_must_not_be_given_back() => Breaks(PopLedger.DoneStaysDone, async lab =>
    {
        var delivery = await lab.PopAsync();
        lab.Consume(delivery);
        await lab.World.Time.Delay(TimeSpan.FromSeconds(1));
        await lab.World.ChangeAsync(lab.Holder, delivery.Handle, TimeSpan.Zero, CancellationToken.None);
    });

    [Fact]
    public void What_a_member_has_must_not_come_to_others() => Breaks(PopLedger.StaysHidden, async lab =>
    {
        lab.World.Ledger.Received(lab.Holder, [await lab.PopAsync()]);
        await lab.World.Time.Delay(Invisible + TimeSpan.FromSeconds(1));
    });

    [Fact]
    public void What_a_dead_member_had_comes_to_others() => Breaks(null, async lab =>
    {
        lab.World.Ledger.Received(lab.Holder, [await lab.PopAsync()]);
        lab.Holder.Owner.Kill();
        await lab.World.Time.Delay(Invisible + TimeSpan.FromSeconds(1));
        Assert.Contains(lab.World.Logs, log => lab.World.ComeAgainIn(log) && log.Max == 1);
    });

    [Fact]
    public void A_message_that_is_lost_is_missed() => Breaks(PopLedger.NothingLost, lab =>
    {
        lab.Send();
        lab.World.Ledger.CheckEnd();
        return Task.CompletedTask;
    });

    [Fact]
    public void A_message_that_is_done_must_not_come_again_just_so() => Breaks(PopLedger.NoDuplicate, async lab =>
    {
        var delivery = await lab.PopAsync();
        lab.Consume(delivery);
        delivery.Message.Log.Add(delivery.Entry, 0, again: null, lab.World.Time.Now);
        lab.World.Ledger.HandOut(new PopDelivery(delivery.Message.Log.Messages[^1], lab.Holder, lab.World.Time.Now));
    });

    [Fact]
    public void A_message_that_others_got_while_its_member_stood_still_may_be_given_to_a_listener_there() => Breaks(null, async lab =>
    {
        var kept = await lab.PopAsync();
        lab.Holder.Owner.StandsStill(true);
        await lab.World.Time.Delay(Invisible + TimeSpan.FromSeconds(1));
        lab.Holder.Owner.StandsStill(false);
        lab.Consume(lab.ComeAgain());
        lab.World.Ledger.Received(lab.Holder, [kept]);
        lab.World.Ledger.HandOut(kept);
        Assert.Equal("its member stood still", Assert.Single(lab.World.Ledger.Coverage.Duplicates).Key);
    });

    [Fact]
    public void A_message_that_its_member_has_given_back_must_not_be_given_to_a_listener_there()
        => Breaks(PopLedger.NoDuplicate, async lab =>
    {
        var givenBack = await lab.PopAsync();
        lab.World.Ledger.Received(lab.Holder, [givenBack]);
        await lab.World.ChangeAsync(lab.Holder, givenBack.Handle, TimeSpan.Zero, CancellationToken.None);
        await lab.World.Time.Delay(TimeSpan.FromSeconds(1));
        lab.Consume(lab.ComeAgain());
        lab.World.Ledger.HandOut(givenBack);
    });

    [Fact]
    public void A_message_that_a_seek_has_offered_again_may_come_although_another_one_has_been_since() => Breaks(null, async lab =>
    {
        var delivery = await lab.PopAsync();
        lab.Consume(delivery);
        await lab.AckAsync(delivery.Handle);
        lab.World.Reset(lab.Holder.Source, 0);
        lab.World.Reset(lab.Holder.Source, 0);
        lab.Consume(await lab.PopAgainAsync());
        Assert.Equal("its queue was moved", Assert.Single(lab.World.Ledger.Coverage.Duplicates).Key);
    });

    [Fact]
    public void A_message_that_a_seek_has_offered_again_must_not_come_twice_for_that() => Breaks(PopLedger.NoDuplicate, async lab =>
    {
        lab.Consume(await lab.PopAsync());
        lab.World.Reset(lab.Holder.Source, 0);
        await lab.World.Time.Delay(TimeSpan.FromMilliseconds(100));
        lab.Consume(await lab.PopAgainAsync());
        await lab.World.Time.Delay(TimeSpan.FromMilliseconds(100));
        lab.Consume(new PopDelivery(lab.Holder.Source.Messages[0], lab.Holder, lab.World.Time.Now));
    });

    [Fact]
    public void What_was_done_may_come_by_a_pop_when_its_queue_was_pulled_and_came_into_doubt_while_it_ended() => Breaks(null, async lab =>
    {
        lab.Consume(lab.Pull());
        lab.Holder.CouldNotTell(lab.World.Time.Now);
        lab.World.Ledger.HandOut(await lab.PopAgainAsync());
        Assert.Equal("its queue had come into doubt while it ended", Assert.Single(lab.World.Ledger.Coverage.Duplicates).Key);
    });

    [Fact]
    public void What_was_done_must_not_come_by_a_pop_when_its_queue_could_tell_at_its_end() => Breaks(PopLedger.NoDuplicate, async lab =>
    {
        lab.Consume(lab.Pull());
        lab.World.Ledger.HandOut(await lab.PopAgainAsync());
    });

    [Fact]
    public void What_was_done_must_not_come_by_a_pull_since_what_is_done_goes_along() => Breaks(PopLedger.NoDuplicate, lab =>
    {
        var pulled = lab.Pull();
        lab.Consume(pulled);
        lab.Holder.CouldNotTell(lab.World.Time.Now);
        lab.Consume(new PopDelivery(pulled.Message, lab.Holder, lab.World.Time.Now));
        return Task.CompletedTask;
    });

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, PopLedger.NoDuplicate)]
    [InlineData(2, PopLedger.NoDuplicate)]
    public void What_was_done_of_a_queue_that_was_pulled_may_come_by_a_pop_behind_what_was_not_done_at_its_end(int ended, string? breaks)
        => Breaks(breaks, async lab =>
    {
        lab.Send();
        lab.Consume(lab.Pull());
        lab.Holder.PulledTo(ended, lab.World.Time.Now);
        lab.World.Ledger.HandOut((await lab.PopAllAsync())[1]);
    });

    [Fact]
    public void A_dead_letter_must_say_why() => Breaks(PopLedger.DeadWithReason, async lab
        => lab.World.Ledger.Dead((await lab.PopAsync()).Entry, SimulatedWorld.MaxAttempts + 1, hasReason: false));

    [Fact]
    public void A_message_must_not_be_a_dead_letter_after_its_first_failure() => Breaks(PopLedger.DeadAtLast, async lab
        => lab.World.Ledger.Dead((await lab.PopAsync()).Entry, 1, hasReason: true));

    [Fact]
    public void What_is_not_done_must_not_be_committed() => Breaks(PopLedger.CommitsDone, lab =>
    {
        lab.Send();
        return lab.World.WriteOffsetAsync(lab.Holder.Owner, lab.Holder.Source, 1, CancellationToken.None);
    });

    [Fact]
    public void What_the_subscription_has_left_out_since_it_was_sent_may_be_committed() => Breaks(null, async lab =>
    {
        lab.Send();
        lab.World.Ledger.Subscribed(1);
        lab.World.Ledger.Subscribed(null);
        await lab.World.WriteOffsetAsync(lab.Holder.Owner, lab.Holder.Source, 1, CancellationToken.None);
        lab.World.Ledger.CheckEnd();
    });

    [Fact]
    public void What_was_sent_after_the_subscription_wanted_it_again_must_not_be_committed() => Breaks(PopLedger.CommitsDone, async lab =>
    {
        lab.World.Ledger.Subscribed(1);
        lab.World.Ledger.Subscribed(null);
        await lab.World.Time.Delay(TimeSpan.FromSeconds(1));
        lab.Send();
        await lab.World.WriteOffsetAsync(lab.Holder.Owner, lab.Holder.Source, 1, CancellationToken.None);
    });

    private static void Breaks(string? rule, Func<Lab, Task> happens)
    {
        var scheduler = new SimulatedScheduler(SeededRandom.Of(Setup.Seed, "steps"), new Trace());
        var failure = Record.Exception(() => scheduler.Run(
            async () =>
            {
                var lab = new Lab(scheduler);
                _ = scheduler.Start("reviver", lab.World.ReviveAsync);
                await happens(lab);
                await lab.World.EndAsync();
            },
            TimeSpan.FromMinutes(1),
            mostSteps: 100_000));

        Assert.Equal(rule, (failure as SimulationException)?.Rule);
        Assert.True(failure is null or SimulationException, failure?.ToString());
    }

    /// <summary>One member, and a queue that it has the messages of.</summary>
    private sealed class Lab
    {
        private readonly PopDirectory _directory;

        public Lab(SimulatedScheduler scheduler)
        {
            World = new PopWorld(new SimulatedWorld(Setup, scheduler, new Coverage()));
            _directory = new PopDirectory(World);
            Holder = HolderAt("member a");
            Other = HolderAt("member b");
        }

        public PopWorld World { get; }

        public PopHolder Holder { get; }

        public PopHolder Other { get; }

        /// <summary>The message that was brought again, as another member has it.</summary>
        public PopDelivery ComeAgain()
            => new(World.Logs.Single(log => World.ComeAgainIn(log) && log.Max > 0).Messages[0], Other, World.Time.Now);

        public void Send() => World.Send(Holder.Source, new PopEntry(World.Ledger.Entries.Count, 0, 1, isPoison: false, isGone: false));

        public PopDelivery Pull()
        {
            Send();
            return new(Holder.Source.Messages[^1], Holder, World.Time.Now);
        }

        public Task<PopDelivery> PopAsync()
        {
            Send();
            return PopAgainAsync();
        }

        public async Task<PopDelivery> PopAgainAsync() => (await PopAllAsync()).Single();

        public async Task<IReadOnlyList<PopDelivery>> PopAllAsync()
        {
            var request = new PopRequest(SimulatedWorld.Group, Holder.Source.Id) { InvisibleTime = Invisible };
            return (await World.PopAsync(Holder, request, CancellationToken.None)).Popped;
        }

        public void Consume(PopDelivery delivery)
        {
            World.Ledger.HandOut(delivery);
            delivery.Ended(isConsumed: true);
            World.Ledger.Heard(delivery);
        }

        public Task AckAsync(ReceiptHandle handle) => World.AckAsync(Holder, [handle], CancellationToken.None);

        private PopHolder HolderAt(string name)
            => new PopMember(World, new Owner(name[^1] - 'a', name, World.Weather), _directory).HolderOf(World.Logs[0].Id);
    }
}
