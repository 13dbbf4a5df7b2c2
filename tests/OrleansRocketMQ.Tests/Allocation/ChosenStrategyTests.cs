using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>How a group comes by its strategy.</summary>
public sealed class ChosenStrategyTests
{
    [Theory]
    [InlineData("AVG", "AVG")]
    [InlineData("avg_by_circle", "AVG_BY_CIRCLE")]
    [InlineData("CONSISTENT_HASH", "CONSISTENT_HASH")]
    [InlineData("HASH", "HASH")]
    [InlineData("MACHINE_ROOM", "MACHINE_ROOM")]
    [InlineData("CONFIGURATION", "CONFIGURATION")]
    [InlineData("CONFIG", "CONFIGURATION")]
    [InlineData("MACHINE_ROOM_NEARBY", "MACHINE_ROOM_NEARBY-AVG")]
    [InlineData("MACHINE_ROOM_NEARBY-HASH", "MACHINE_ROOM_NEARBY-HASH")]
    [InlineData("MACHINE_ROOM_NEARBY-OWN", "MACHINE_ROOM_NEARBY-OWN")]
    [InlineData("OWN", "OWN")]
    public void Each_is_found_by_its_name(string name, string found)
    {
        using var silo = BuiltSilo.With(
            builder => Add(builder).AddAllocateStrategy(new Own()),
            [
                new("RocketMQ:Consumers:g:AllocateStrategy", name),
                new("RocketMQ:Consumers:g:MachineRooms", "east; west"),
                new("RocketMQ:Consumers:g:QueuesByMember:10.0.0.1@11111", "t/broker/a/0-3; t/broker-b/7"),
                new("RocketMQ:MachineRooms:east", "east-;10.1."),
            ]);

        Assert.Equal(found, silo.StrategyOf("g").Name);
        Assert.Equal(
            ["t/broker-b/7", "t/broker/a/0", "t/broker/a/1", "t/broker/a/2", "t/broker/a/3"],
            silo.Only.QueuesByMember["10.0.0.1@11111"].Order().Select(queue => $"{queue.Topic}/{queue.BrokerName}/{queue.QueueId}"));
    }

    [Fact]
    public void An_unknown_one_is_refused_with_the_names_of_those_there_are()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => Add(builder).AddAllocateStrategy<Own>(), [new("RocketMQ:Consumers:g:AllocateStrategy", "AVERAGE")]));

        Assert.Equal("RocketMQ:Consumers:g:AllocateStrategy", error.Field);
        Assert.Equal("AVERAGE", error.Value);
        Assert.Equal("one of AVG, AVG_BY_CIRCLE, CONFIGURATION, CONSISTENT_HASH, HASH, MACHINE_ROOM, MACHINE_ROOM_NEARBY, OWN", error.Expected);
    }

    [Theory]
    [InlineData("MACHINE_ROOM", "RocketMQ:Consumers:g:MachineRooms")]
    [InlineData("MACHINE_ROOM_NEARBY", "RocketMQ:Consumers:g:AllocateStrategy")]
    [InlineData("MACHINE_ROOM_NEARBY-NONE", "RocketMQ:Consumers:g:AllocateStrategy")]
    [InlineData("CONFIGURATION", "RocketMQ:Consumers:g:QueuesByMember")]
    public void One_that_lacks_what_it_needs_is_refused_by_the_setting_that_is_missing(string name, string field)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => Add(builder), [new("RocketMQ:Consumers:g:AllocateStrategy", name)]));

        Assert.Equal(field, error.Field);
    }

    [Theory]
    [InlineData("")]
    [InlineData("t/a")]
    [InlineData("t/a/x")]
    [InlineData("t/a/3-1")]
    [InlineData("t/a/0-99999999")]
    [InlineData("/a/1")]
    [InlineData("t//1")]
    public void A_list_of_queues_that_is_none_is_refused_by_its_path(string list)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => Add(builder), [new("RocketMQ:Consumers:g:QueuesByMember:m", list)]));

        Assert.Equal("RocketMQ:Consumers:g:QueuesByMember:m", error.Field);
    }

    [Fact]
    public void A_queue_of_two_members_is_refused()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(builder => Add(builder), [
            new("RocketMQ:Consumers:g:AllocateStrategy", "CONFIGURATION"),
            new("RocketMQ:Consumers:g:QueuesByMember:m", "t/a/0-3"),
            new("RocketMQ:Consumers:g:QueuesByMember:n", "t/a/3")]));

        Assert.Equal("RocketMQ:Consumers:g:QueuesByMember", error.Field);
    }

    [Fact]
    public void A_resolver_of_ones_own_tells_the_rooms()
    {
        using var silo = BuiltSilo.With(
            builder => Add(builder).UseMachineRooms(new OneRoom()), [new("RocketMQ:Consumers:g:AllocateStrategy", "MACHINE_ROOM_NEARBY")]);

        Assert.Single(silo.StrategyOf("g").Allocate("g", "m", [new("t", "a", 0)], ["m"]));
    }

    private static RocketMQBuilder Add(RocketMQBuilder builder) => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t"));

    private sealed class OneRoom : IMachineRoomResolver
    {
        public string RoomOf(MessageQueue queue) => "room";

        public string RoomOf(string clientId) => "room";
    }

    private sealed class Own : IAllocateStrategy
    {
        public string Name => "OWN";

        public IReadOnlyList<MessageQueue> Allocate(string group, string clientId, IReadOnlyList<MessageQueue> queues, IReadOnlyList<string> clientIds)
            => clientIds[0] == clientId ? queues : [];
    }
}
