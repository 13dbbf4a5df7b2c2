using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>Each message has its effect once: neither fewer nor more.</summary>
public sealed class EffectCheckTests
{
    private static readonly Dictionary<(string Topic, string Key), int> Sent = new()
    {
        [(RoundTopics.ByKey, "key-1")] = 3,
        [(RoundTopics.ByKey, "key-2")] = 2,
        [(RoundTopics.Any, "key-1")] = 7,
    };

    [Fact]
    public void Each_message_of_each_key_once_is_as_it_should_be()
        => Assert.Empty(Of(messages: 5, new("key-1", 3, 0, 0), new("key-2", 2, 0, 0)).Complaints);

    [Fact]
    public void A_message_without_an_effect_is_a_complaint()
        => Assert.NotEmpty(Of(messages: 5, new("key-1", 3, 0, 0), new("key-2", 1, 0, 0)).Complaints);

    [Fact]
    public void A_key_that_has_no_state_at_all_is_a_complaint()
        => Assert.NotEmpty(Of(messages: 5, new StoredEffect("key-1", 3, 0, 0)).Complaints);

    [Fact]
    public void An_effect_that_was_had_twice_is_a_complaint()
        => Assert.NotEmpty(Of(messages: 5, new("key-1", 3, 1, 0), new("key-2", 2, 0, 0)).Complaints);

    [Fact]
    public void A_number_that_brokers_have_twice_has_two_effects()
        => Assert.Empty(Of(messages: 6, new("key-1", 3, 1, 0), new("key-2", 2, 0, 0)).Complaints);

    [Fact]
    public void Of_a_number_that_brokers_have_twice_one_effect_alone_is_a_complaint()
        => Assert.NotEmpty(Of(messages: 6, new("key-1", 3, 0, 0), new("key-2", 2, 0, 0)).Complaints);

    [Fact]
    public void An_effect_before_an_earlier_one_is_a_complaint()
        => Assert.NotEmpty(Of(messages: 6, new("key-1", 3, 0, 1), new("key-2", 2, 0, 0)).Complaints);

    [Fact]
    public void A_record_is_read_as_Orleans_stores_it()
        => Assert.Equal(
            new("key-7", 42, 1, 2),
            StoredEffect.Read("""
                {"$id":"1","$type":"OrleansRocketMQ.MessageDrivenState","Value":{"$id":"2","$type":"X","EffectsOfKey":"key-7","Next":42,"Again":1,"Early":2},"Processed":{}}
                """));

    [Fact]
    public void What_a_record_leaves_out_is_zero()
        => Assert.Equal(new("key-7", 42, 0, 0), StoredEffect.Read("""{"$id":"1","Value":{"$id":"2","EffectsOfKey":"key-7","Next":42}}"""));

    private static EffectCheck Of(long messages, params StoredEffect[] stored) => EffectCheck.Of(stored, Sent, messages);
}
