using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>A group that asks for it consumes what is urgent first, over pulls and over all queues of a silo.</summary>
public sealed class PriorityDispatchTests
{
    private const int Messages = 64;

    [Fact]
    public async Task Messages_of_a_higher_priority_come_first_over_all_queues_and_low_ones_all_the_same()
    {
        await using var test = await TestRocketMQ.StartAsync();
        await test.SendAsync(Messages, prepare: message => message.Priority = IsUrgent(System.Text.Encoding.UTF8.GetString(message.Body.Span)) ? 5 : 0);
        await using var cluster = await ConsumePausedAsync(test, options => options.DispatchByPriority = true);

        await test.UntilAllCameAsync(Messages);

        // Sent last, it would come last; as it is, only what had its turn by its age comes before.
        var places = test.Recorder.Bodies.Select((body, place) => (Urgent: IsUrgent(body), Place: place)).ToLookup(one => one.Urgent, one => one.Place);
        Assert.True(places[true].Average() < places[false].Average(), string.Join(" ", test.Recorder.Bodies));
        await test.UntilCommittedAsync(Messages);
    }

    [Fact]
    public async Task Without_being_asked_for_messages_come_as_they_were_sent()
    {
        await using var test = await TestRocketMQ.StartAsync(queues: 1);
        await test.SendAsync(Messages, prepare: message => message.Priority = IsUrgent(System.Text.Encoding.UTF8.GetString(message.Body.Span)) ? 5 : 0);
        await using var cluster = await ConsumePausedAsync(test, _ => { });

        await test.UntilAllCameAsync(Messages);

        Assert.Equal(Enumerable.Range(0, Messages).Select(number => $"{number}"), test.Recorder.Bodies);
    }

    // The last quarter of what is sent, so that nobody gets it first by chance.
    private static bool IsUrgent(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) >= Messages * 3 / 4;

    /// <summary>One call at a time, and none before all messages wait on the silo.</summary>
    private static async Task<TestCluster> ConsumePausedAsync(TestRocketMQ test, Action<ConsumerOptions> configure)
    {
        var everythingWaits = new TaskCompletionSource();
        var cluster = await test.ConsumeAsync(
            async (messages, context, cancellationToken) =>
            {
                await everythingWaits.Task.WaitAsync(cancellationToken);
                return await test.Recorder.Succeed()(messages, context, cancellationToken);
            },
            options =>
            {
                (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1);
                configure(options);
            });
        await Eventually.TrueAsync(
            () => cluster.StatusOf(test.MyGroup).SelectMany(status => status.Queues).Sum(queue => queue.CachedMessages) == Messages,
            "all messages to wait on the silo");
        everythingWaits.SetResult();
        return cluster;
    }
}
