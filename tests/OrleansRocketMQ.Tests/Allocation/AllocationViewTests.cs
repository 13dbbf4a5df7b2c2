using System.Net;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;

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

    private static AllocationView Compute(string[] clientIds, ClusterSilos cluster)
        => AllocationView.Compute("g", new AverageAllocation(), [Queues], clientIds, cluster);

    private static ClusterSilos Cluster(SiloAddress[] live, SiloAddress[]? dead = null)
        => new(live.ToDictionary(Id), (dead ?? []).Select(Id).ToHashSet());

    private static string Id(SiloAddress silo) => ClientIdentity.Of(silo, unitName: null);
}
