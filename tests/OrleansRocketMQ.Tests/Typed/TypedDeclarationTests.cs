using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Typed;

/// <summary>What is said of types where a group is declared.</summary>
public sealed class TypedDeclarationTests
{
    [Fact]
    public void A_class_of_several_types_needs_to_know_which_messages_hold_which()
    {
        var error = Refused(builder => builder.AddConsumer<TwoTypesListener>("g", consumer => consumer.Subscribe("t")));

        Assert.Equal("RocketMQ:Consumers:g:Listener", error.Field);
        Assert.Contains("OrderPlaced, OrderCancelled", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_class_gets_messages_as_they_came_or_values_not_both()
        => Assert.Equal("RocketMQ:Consumers:g:Listener", Refused(builder => builder.AddConsumer<BothListener>("g", consumer => consumer.Subscribe("t"))).Field);

    [Fact]
    public void A_type_that_the_listener_does_not_take_is_refused()
        => Assert.Equal("RocketMQ:Consumers:g:Listener", Refused(builder => builder.AddConsumer<TypedListener>("g", consumer => consumer.Subscribe<OrderCancelled>("t"))).Field);

    [Fact]
    public void Messages_of_one_kind_have_one_type()
        => Assert.Contains("OrderPlaced and OrderCancelled", Refused(builder => builder.AddConsumer<TwoTypesListener>("g", consumer => consumer
            .Subscribe<OrderPlaced>("t", MessageMatch.ByTag("a"))
            .Subscribe<OrderCancelled>("t", MessageMatch.ByTag("a")))).Message, StringComparison.Ordinal);

    [Fact]
    public void Configuration_says_in_which_order_handlers_are_called_and_what_becomes_of_what_cannot_be_read()
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer("g", consumer => consumer.Handle<OrderPlaced, OrderHandler>("t")),
            [new("RocketMQ:Consumers:g:HandlerMode", "Orderly"), new("RocketMQ:Consumers:g:UnreadableHandling", "Skip")]);

        Assert.Equal(HandlerMode.Orderly, silo.Only.HandlerMode);
        Assert.Equal(UnreadableHandling.Skip, silo.Only.UnreadableHandling);
        Assert.Equal(typeof(OrleansRocketMQ.Dispatch.OrderlyHandlerListener), silo.Only.Listener);
    }

    [Fact]
    public void Key_ordered_handlers_cannot_broadcast()
        => Assert.Equal("RocketMQ:Consumers:g:Listener", Refused(
            builder => builder.AddConsumer("g", consumer => consumer.Handle<OrderPlaced, OrderHandler>("t")),
            [new("RocketMQ:Consumers:g:HandlerMode", "KeyOrdered"), new("RocketMQ:Consumers:g:MessageModel", "Broadcasting")]).Field);

    [Fact]
    public void Tags_are_subscribed_to_where_all_types_of_a_topic_have_one()
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer("g", consumer => consumer
                    .Handle<OrderPlaced, OrderHandler>("tags", MessageMatch.ByTag("a"))
                    .Handle<OrderCancelled, OrderHandler>("tags", MessageMatch.ByTag("b"))
                    .Handle<OrderPlaced, OrderHandler>("mixed", MessageMatch.ByTag("a"))
                    .Handle<OrderCancelled, OrderHandler>("mixed")
                    .Subscribe("chosen", "a || b || c")
                    .Handle<OrderPlaced, OrderHandler>("chosen", MessageMatch.ByTag("a"))));

        Assert.Equal(MessageSelector.ByTag("a || b"), silo.Only.Subscriptions["tags"]);
        Assert.Equal(MessageSelector.ByTag(null), silo.Only.Subscriptions["mixed"]);
        Assert.Equal(MessageSelector.ByTag("a || b || c"), silo.Only.Subscriptions["chosen"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("a || b")]
    public void A_match_is_of_one_tag(string tag) => Assert.Throws<RocketMQValidationException>(() => MessageMatch.ByTag(tag));

    private static RocketMQConfigurationException Refused(Action<RocketMQBuilder> configure, IEnumerable<KeyValuePair<string, string?>>? settings = null)
        => Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(configure, settings ?? []));
}
