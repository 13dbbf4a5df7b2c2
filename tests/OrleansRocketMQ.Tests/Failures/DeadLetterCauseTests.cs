using System.Globalization;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Failures;

/// <summary>Every dead letter says why it is one, and can be found by that.</summary>
public sealed class DeadLetterCauseTests
{
    [Theory]
    [InlineData(HandlerMode.Concurrent)]
    [InlineData(HandlerMode.Orderly)]
    [InlineData(HandlerMode.KeyOrdered)]
    public async Task A_message_that_has_failed_too_often_tells_of_its_last_failure(HandlerMode mode)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var begin = DateTimeOffset.UtcNow.AddSeconds(-1);
        await rocketmq.SendOrdersAsync(1);
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer
            .Handle<OrderPlaced>(TestRocketMQ.Topic, (_, context, _) => throw new TimeZoneNotFoundException($"attempt {context.ReconsumeTimes + 1}"))
            .Configure(options => (options.HandlerMode, options.MaxReconsumeTimes) = (mode, 2)));

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");

        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);
        var cause = Assert.Single((await letters.ListAsync()).Letters).Cause!;
        Assert.Equal(("attempt 3", typeof(TimeZoneNotFoundException).FullName, 3, rocketmq.MyGroup), (cause.Reason, cause.ErrorType, cause.Attempts, cause.Group));
        Assert.Contains(nameof(DeadLetterCauseTests), cause.Stack, StringComparison.Ordinal);
        Assert.Equal(cluster.Silos.Silos[0].SiloAddress.ToParsableString(), cause.Silo);
        Assert.InRange(cause.LastFailed!.Value, begin, DateTimeOffset.UtcNow.AddSeconds(1));
        if (mode == HandlerMode.Concurrent)
        {
            // The broker has brought it again in between, and takes no notes.
            Assert.Null(cause.FirstFailed);
        }
        else
        {
            Assert.InRange(cause.FirstFailed!.Value, begin, cause.LastFailed.Value.AddMilliseconds(1));
        }
    }

    [Fact]
    public async Task A_listener_that_just_wants_it_again_leaves_a_letter_with_attempts_and_no_words()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendAsync(1);
        await using var cluster = await rocketmq.ConsumeAsync(
            rocketmq.Recorder.Then((_, _) => ConsumeResult.ReconsumeLater), options => options.MaxReconsumeTimes = 1);

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");

        var letter = rocketmq.DeadLetters()[0];
        Assert.Null(letter.GetProperty(MessageProperties.DeadLetterReason));
        Assert.Equal(("reconsume_later", "2"), (letter.GetProperty(MessageProperties.DeadLetterErrorType), letter.GetProperty(MessageProperties.DeadLetterAttempts)));
    }

    [Fact]
    public async Task Letters_are_found_by_reason_exception_and_any_text_and_lose_it_all_when_they_are_sent_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await rocketmq.SendOrdersAsync(1, 2, 3, 4);
        var isGood = false;
        await using var cluster = await rocketmq.ConsumeValuesAsync(consumer => consumer
            .Handle<OrderPlaced>(TestRocketMQ.Topic, (message, context, _) =>
            {
                if (Volatile.Read(ref isGood))
                {
                    return Task.CompletedTask;
                }

                if (message.Value.Number == 1)
                {
                    context.Reject("No such Customer");
                }

                throw message.Value.Number == 2 ? new TimeZoneNotFoundException("where?") : new InvalidOperationException("a customer is missing");
            })
            .Configure(options => options.MaxReconsumeTimes = 0));
        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 4, "four dead letters");
        var letters = cluster.Silos.Client.GetGrain<IDeadLetterGrain>(rocketmq.MyGroup);

        Assert.Equal(3, await CountAsync(new() { Reason = "customer" }));
        Assert.Equal(2, await CountAsync(new() { Reason = "customer", ErrorType = nameof(InvalidOperationException) }));
        Assert.Equal(1, await CountAsync(new() { ErrorType = "timezone" }));
        Assert.Equal(1, await CountAsync(new() { Text = "order-4" }));
        Assert.Equal(0, await CountAsync(new() { Text = "nothing of that kind" }));
        var page = await letters.SearchAsync(new() { Reason = "customer" }, limit: 2);
        Assert.Equal(2, page.Letters.Count);
        Assert.Single((await letters.SearchAsync(new() { Reason = "customer" }, page.Next, limit: 2)).Letters);

        Volatile.Write(ref isGood, true);
        Assert.Equal(1, await letters.ResendAsync(page.Letters[0].MessageId, "test"));
        var again = rocketmq.Broker.Messages(TestRocketMQ.Topic)[^1];
        Assert.All(MessageProperties.OfDeadLetters, name => Assert.Null(again.GetProperty(name)));

        async Task<int> CountAsync(DeadLetterSearch search) => (await letters.SearchAsync(search)).Letters.Count;
    }

    [Fact]
    public async Task Where_the_properties_have_no_room_the_stack_is_left_out_and_what_the_message_brought_stays()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var large = new string('x', 31_000);
        await rocketmq.SendAsync(1, prepare: message => message["large"] = large);
        await using var cluster = await rocketmq.ConsumeInOrderAsync(
            (_, _, _) => throw new InvalidOperationException("bad"), options => options.MaxReconsumeTimes = 0);

        await Eventually.TrueAsync(() => rocketmq.DeadLetters().Count == 1, "a dead letter");

        var letter = rocketmq.DeadLetters()[0];
        Assert.Equal((large, "bad"), (letter.GetProperty("large"), letter.GetProperty(MessageProperties.DeadLetterReason)));
        Assert.Null(letter.GetProperty(MessageProperties.DeadLetterStack));
        Assert.Equal("1", letter.GetProperty(MessageProperties.DeadLetterAttempts));
        Assert.True(long.Parse(letter.GetProperty(MessageProperties.DeadLetterLastFailed)!, CultureInfo.InvariantCulture) > 0);
    }
}
