using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Filters;

/// <summary>Filters around a producer's sends, over TCP.</summary>
public sealed class SendFilterTests
{
    private readonly ConcurrentQueue<string> _steps = new();

    [Fact]
    public async Task Filters_stand_around_each_send_and_see_where_it_went()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(rocketmq, Noting("a"), Noting("b"));

        var sent = await producer.SendAsync(Order("1"));

        Assert.Equal(["a 1", "b 1", $"b {sent.MessageId}", $"a {sent.MessageId}"], _steps);
    }

    [Fact]
    public async Task Every_kind_of_send_goes_through_them()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(rocketmq, new Filter((call, next) =>
        {
            _steps.Enqueue($"{call.Messages.Count} {call.Queue is not null} {call.IsOneWay}");
            return next();
        }));
        var queue = (await producer.GetQueuesAsync(TestRocketMQ.Topic))[0];

        await producer.SendAsync(Order("1"));
        await producer.SendAsync(Order("2"), queue);
        await producer.SendAsync(Order("3"), new HashSelector(), "key");
        await producer.SendAsync([Order("4"), Order("5")]);
        await producer.SendOneWayAsync(Order("6"));
        await producer.SendHalfAsync(Order("7"));
        await producer.SendAsync(TestRocketMQ.Topic, "8");

        Assert.Equal(["1 False False", "1 True False", "1 False False", "2 False False", "1 False True", "1 False False", "1 False False"], _steps);
        await Eventually.TrueAsync(() => rocketmq.Broker.Messages(TestRocketMQ.Topic).Count == 7, () => "7 messages are there");
    }

    [Fact]
    public async Task What_a_filter_changes_is_sent()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(
            rocketmq,
            new Filter((call, next) =>
            {
                call.Messages[0]["tenant"] = "acme";
                return next();
            }),
            new Filter((call, next) =>
            {
                call.Messages = [.. call.Messages, Order("2")];
                return next();
            }));

        await producer.SendAsync(Order("1"));

        var stored = rocketmq.Broker.Messages(TestRocketMQ.Topic).ToList();
        Assert.Equal(["1", "2"], stored.Select(TestRocketMQ.Text));
        Assert.Equal("acme", stored[0].GetProperty("tenant"));
    }

    [Fact]
    public async Task A_filter_that_forgets_next_is_an_error_of_the_caller_and_is_named()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(rocketmq, new Filter((_, _) => Task.CompletedTask));

        var error = await Assert.ThrowsAsync<FilterException>(() => producer.SendAsync(Order("1")));

        Assert.Equal($"Filter {typeof(Filter).FullName} has neither called next nor given a result.", error.Message);
        Assert.Empty(rocketmq.Broker.Messages(TestRocketMQ.Topic));
    }

    [Fact]
    public async Task A_filter_sees_an_exception_and_may_send_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(rocketmq, new Filter(async (call, next) =>
        {
            var error = await Assert.ThrowsAsync<RocketMQValidationException>(next);
            _steps.Enqueue(error.Field);
            call.Messages[0].Topic = TestRocketMQ.Topic;
            await next();
        }));

        var sent = await producer.SendAsync(new Message("not a topic", "1"u8.ToArray()));

        Assert.Equal(TestRocketMQ.Topic, sent.Queue.Topic);
        Assert.Single(_steps);
    }

    [Fact]
    public async Task A_result_a_filter_sets_is_the_callers()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var producer = ProducerOf(rocketmq, new Filter(async (call, next) =>
        {
            await next();
            call.Result = call.Result! with { RegionId = "here" };
        }));

        Assert.Equal("here", (await producer.SendAsync(Order("1"))).RegionId);
    }

    private static Message Order(string body) => new(TestRocketMQ.Topic, Encoding.UTF8.GetBytes(body));

    private static Producer ProducerOf(TestRocketMQ rocketmq, params ISendFilter[] filters)
        => new(rocketmq.Client, new ProducerOptions { Group = "filtered", Filters = filters }, NullLoggerFactory.Instance);

    private Filter Noting(string name) => new(async (call, next) =>
    {
        _steps.Enqueue($"{name} {Encoding.UTF8.GetString(call.Messages[0].Body.Span)}");
        await next();
        _steps.Enqueue($"{name} {call.Result!.MessageId}");
    });

    private sealed class Filter(Func<SendCall, Func<Task>, Task> filter) : ISendFilter
    {
        public Task InvokeAsync(SendCall call, Func<Task> next, CancellationToken cancellationToken) => filter(call, next);
    }
}
