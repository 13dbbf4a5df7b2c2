using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

public sealed class AllocationViewTests
{
    private static readonly MessageQueue[] Queues = [.. Enumerable.Range(0, 6).Select(id => new MessageQueue("T", "broker-a", id))];
    private static readonly SiloAddress SiloA = SiloAddress.New(IPAddress.Parse("10.0.0.1"), 11111, 7);
    private static readonly SiloAddress SiloB = SiloAddress.New(IPAddress.Parse("10.0.0.2"), 11111, 7);
    private static readonly SiloAddress SiloC = SiloAddress.New(IPAddress.Parse("10.0.0.3"), 11111, 7);

    [Fact]
    public void Silos_and_other_programs_share_the_queues_by_the_strategy()
    {
        var view = Compute([Id(SiloA), "10.0.0.9@java"], Cluster(live: [SiloA, SiloB]));

        Assert.Equal(Queues[..3], view.QueuesOf(Id(SiloA)).Order());
        Assert.Equal(SiloA, view.SiloOf(Queues[0]));
        Assert.Equal("10.0.0.9@java", view.OwnerOf(Queues[5]));
        Assert.Null(view.SiloOf(Queues[5]));
    }

    [Fact]
    public void A_silo_the_broker_does_not_list_yet_gets_nothing()
        => Assert.Empty(Compute([Id(SiloA)], Cluster(live: [SiloA, SiloB])).QueuesOf(Id(SiloB)));

    [Fact]
    public void Queues_of_a_dead_silo_go_to_living_silos_and_nobody_elses_queues_move()
    {
        string[] members = [Id(SiloA), Id(SiloB), "10.0.0.9@java"];
        var before = Compute(members, Cluster(live: [SiloA, SiloB]));

        var after = Compute(members, Cluster(live: [SiloA], dead: [SiloB]));

        Assert.Equal(before.QueuesOf("10.0.0.9@java").Order(), after.QueuesOf("10.0.0.9@java").Order());
        Assert.Equal(before.QueuesOf(Id(SiloA)).Concat(before.QueuesOf(Id(SiloB))).Order(), after.QueuesOf(Id(SiloA)).Order());
        Assert.Empty(after.QueuesOf(Id(SiloB)));
    }

    [Fact]
    public void The_order_in_which_a_broker_lists_members_does_not_matter()
    {
        var cluster = Cluster(live: [SiloA, SiloB, SiloC]);

        Assert.True(Compute([Id(SiloA), Id(SiloB), Id(SiloC)], cluster).SameAs(Compute([Id(SiloC), Id(SiloA), Id(SiloB), Id(SiloA)], cluster)));
    }

    [Fact]
    public void Whatever_operators_want_other_programs_keep_their_queues_and_the_silos_share_the_rest_as_wanted()
    {
        // Each choice is a wish: one of six queues pinned to, or none of them but a drain of, one of four silos; the last is gone.
        var wishes = Gen.Choose(0, 27).ListOf().ToArbitrary();
        SiloAddress[] silos = [SiloA, SiloB, SiloC, SiloAddress.New(IPAddress.Parse("10.0.0.4"), 11111, 7)];
        var cluster = Cluster(live: silos[..3]);
        string[] members = [.. silos.Select(Id), "10.0.0.2@java"];
        var strategys = Compute(members[..3].Append(members[4]).ToArray(), cluster);

        Check.QuickThrowOnFailure(Prop.ForAll(wishes, choices =>
        {
            var placement = choices.Aggregate(PlacementSettings.None, (wanted, choice) => choice < 24
                ? wanted.Pin(Queues[choice % 6], silos[choice / 6].ToParsableString())
                : wanted.Drain(silos[choice - 24].ToParsableString()));

            var view = Compute(members[..3].Append(members[4]).ToArray(), cluster, placement);

            var drained = silos[..3].Where(silo => placement.Drained.Contains(silo.ToParsableString())).ToArray();
            drained = drained.Length == 3 ? [] : drained;
            foreach (var queue in Queues)
            {
                var owner = view.OwnerOf(queue);
                if (strategys.SiloOf(queue) is null)
                {
                    Assert.Equal(strategys.OwnerOf(queue), owner);
                    continue;
                }

                var silo = view.SiloOf(queue);
                Assert.NotNull(silo);
                Assert.DoesNotContain(silo, drained);
                if (silos[..3].Except(drained).FirstOrDefault(able => able.ToParsableString() == placement.PinOf(queue)) is { } pinned)
                {
                    Assert.Equal(pinned, silo);
                }
                else if (strategys.SiloOf(queue) is { } usual && !drained.Contains(usual))
                {
                    Assert.Equal(usual, silo);
                }
            }
        }));
    }

    [Fact]
    public void A_queue_its_strategy_gives_to_nobody_else_stays_on_a_drained_silo()
    {
        var strategy = new ConfiguredAllocation([new(Id(SiloA), Queues[..3]), new(Id(SiloB), Queues[3..])]);
        var placement = PlacementSettings.None.Drain(SiloA.ToParsableString());

        var view = AllocationView.Compute("g", strategy, [Queues], [Id(SiloA), Id(SiloB)], ClusterOfAAndB.ToMembers(), placement.ToOverrides(ClusterOfAAndB));

        Assert.All(Queues[..3], queue => Assert.Equal(SiloA, view.SiloOf(queue)));
    }

    [Fact]
    public void Wishes_about_silos_that_are_gone_are_forgotten_and_nothing_changes_without_a_reason()
    {
        var placement = PlacementSettings.None.Pin(Queues[0], "a").Pin(Queues[1], "b").Drain("b").Drain("c");

        var left = placement.Without(silo => silo == "b");

        Assert.Equal([new QueuePin(Queues[0], "a")], left.Pins);
        Assert.Equal(["c"], left.Drained);
        Assert.True(left.Version > placement.Version);
        Assert.Same(left, left.Without(silo => silo == "b").Pin(Queues[0], "a").Drain("c").Unpin(Queues[1]).Restore("b"));
        Assert.True(left.Unpin(Queues[0]).Restore("c").IsEmpty);
    }

    private static ClusterSilos ClusterOfAAndB => Cluster(live: [SiloA, SiloB]);

    private static AllocationView Compute(string[] clientIds, ClusterSilos cluster, PlacementSettings? placement = null)
        => AllocationView.Compute("g", new AverageAllocation(), [Queues], clientIds, cluster.ToMembers(), placement?.ToOverrides(cluster));

    private static ClusterSilos Cluster(SiloAddress[] live, SiloAddress[]? dead = null)
        => new(live.ToDictionary(Id), (dead ?? []).Select(Id).ToHashSet());

    private static string Id(SiloAddress silo) => ClientIdentity.Of(silo, unitName: null);
}
