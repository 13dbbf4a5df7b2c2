using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Filters;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Leased;

/// <summary>
/// Filters around listeners that read messages only inside of their call: whatever a filter does, it sees copies that stay, and
/// nothing of the listener's own can be read once its call has ended.
/// </summary>
public sealed class LeasedFilterTests
{
    private readonly ConcurrentQueue<string> _seen = new();
    private readonly ConcurrentQueue<MessageExt> _kept = new();
    private readonly ConcurrentQueue<(LeasedMessage Message, ReadOnlyMemory<byte> Body)> _leased = new();

    [Fact]
    public async Task A_filter_keeps_what_it_has_seen_and_the_listener_does_not()
    {
        await RunAsync(
            (_, next, _) => next(),
            (_, _) => ConsumeResult.Success,
            "1 2 3",
            expected: ["1", "2", "3"]);
    }

    [Fact]
    public async Task An_exception_of_the_listener_reaches_the_filter_and_the_message_comes_again()
    {
        var errors = new ConcurrentQueue<Exception>();
        await RunAsync(
            async (_, next, _) =>
            {
                try
                {
                    await next();
                }
                catch (InvalidOperationException exception)
                {
                    errors.Enqueue(exception);
                    throw;
                }
            },
            (message, _) => message.ReconsumeTimes == 0 ? throw new InvalidOperationException("no") : ConsumeResult.Success,
            "1",
            expected: ["1", "1"]);
        Assert.Equal("no", Assert.Single(errors).Message);
    }

    [Fact]
    public async Task A_filter_makes_a_success_of_an_exception_and_a_failure_of_a_success()
    {
        await RunAsync(
            async (call, next, _) =>
            {
                try
                {
                    await next();
                    call.Result = call.Attempt == 1 ? ConsumeResult.ReconsumeLater : call.Result;
                }
                catch (InvalidOperationException)
                {
                    call.Result = ConsumeResult.Success;
                }
            },
            (message, _) => message.Keys == "bad" ? throw new InvalidOperationException("no") : ConsumeResult.Success,
            "bad good",
            expected: ["bad", "good", "good"]);
    }

    [Fact]
    public async Task A_filter_that_decides_alone_keeps_the_message_from_the_listener()
    {
        await RunAsync(
            (call, next, _) =>
            {
                if (call.Messages[0].Keys != "skip")
                {
                    return next();
                }

                call.Result = ConsumeResult.Success;
                return Task.CompletedTask;
            },
            (_, _) => ConsumeResult.Success,
            "skip take",
            expected: ["take"],
            filtered: ["skip", "take"]);
    }

    [Fact]
    public async Task A_second_try_reads_the_same_message_and_what_the_first_has_kept_is_gone()
    {
        var tries = 0;
        await RunAsync(
            async (_, next, _) =>
            {
                await Assert.ThrowsAsync<InvalidOperationException>(next);
                await next();
            },
            (_, _) =>
            {
                Assert.All(_leased.SkipLast(1), before => Assert.Throws<ObjectDisposedException>(() => before.Message.Body));
                return tries++ % 2 == 0 ? throw new InvalidOperationException("once") : ConsumeResult.Success;
            },
            "1 2",
            expected: ["1", "1", "2", "2"],
            filtered: ["1", "2"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_filter_that_forgets_the_listener_or_does_not_wait_for_it_fails_the_call(bool calls)
    {
        await RunAsync(
            (call, next, _) =>
            {
                if (call.Attempt > 1)
                {
                    return next();
                }

                if (calls)
                {
                    // Nobody waits for it.
                    next().ContinueWith(static _ => { }, TaskScheduler.Default);
                }

                return Task.CompletedTask;
            },
            (_, _) => ConsumeResult.Success,
            "1",
            expected: calls ? ["1", "1"] : ["1"],
            filtered: ["1", "1"]);
    }

    [Fact]
    public async Task What_is_said_of_a_message_counts_from_filter_and_listener()
    {
        await using var rocketmq = await RunAsync(
            async (call, next, _) =>
            {
                await next();
                if (call.Messages[0].Keys == "rejected by the filter")
                {
                    call.Context!.Reject(call.Messages[0], "filter");
                }
            },
            (message, context) =>
            {
                if (message.Keys == "rejected")
                {
                    context.Reject(message.ToOwned(), "listener");
                }
                else if (message is { Keys: "later", ReconsumeTimes: 0 })
                {
                    context.RetryAfter(message.ToOwned(), TimeSpan.FromMilliseconds(50));
                }

                return ConsumeResult.Success;
            },
            "rejected|rejected by the filter|later",
            expected: ["rejected", "rejected by the filter", "later", "later"],
            keep: true);
        await Eventually.TrueAsync(() => rocketmq!.DeadLetters().Count == 2, "two dead letters");
        Assert.Equal(
            ["filter", "listener"],
            rocketmq!.DeadLetters().Select(letter => letter.GetProperty(MessageProperties.DeadLetterReason)).Order());
    }

    [Fact]
    public async Task A_filter_for_each_message_has_the_listener_called_for_each()
    {
        await RunAsync(
            (call, next, _) =>
            {
                Assert.Single(call.Messages);
                return next();
            },
            (_, _) => ConsumeResult.Success,
            "1 2 3",
            expected: ["1", "2", "3"],
            perMessage: true);
    }

    /// <summary>Runs it all, and holds that what filters kept says what it said and what the listener kept says nothing.</summary>
    private async Task<TestRocketMQ?> RunAsync(
        FilterScript filter,
        Func<LeasedMessage, ConsumeContext, ConsumeResult> listener,
        string messages,
        string[] expected,
        string[]? filtered = null,
        bool perMessage = false,
        bool keep = false)
    {
        var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        await using var closing = keep ? null : rocketmq;
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, (call, next, cancellationToken) =>
        {
            foreach (var message in call.Messages)
            {
                _kept.Enqueue(message);
            }

            return filter(call, next, cancellationToken);
        });
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            async (batch, context, _) =>
            {
                // Off the grain's turn and back: the bytes must be there all the time.
                await Task.Yield();
                var message = batch[0];
                _leased.Enqueue((message, message.Body));
                _seen.Enqueue(Encoding.UTF8.GetString(message.Body.Span));
                return listener(message, context);
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1),
            consumer: builder => builder.AddFilter<ScriptedFilter>(perMessage));
        var bodies = messages.Split(messages.Contains('|', StringComparison.Ordinal) ? '|' : ' ');
        await rocketmq.Producer.SendAsync([.. bodies.Select(text => new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes(text), keys: text))]);

        await Eventually.TrueAsync(() => _seen.Count >= expected.Length, () => $"{expected.Length} calls: {string.Join(' ', _seen)}");
        await rocketmq.UntilCommittedAsync(bodies.Length);
        Assert.Equal(expected.Order(), _seen.Order());
        Assert.Equal((filtered ?? expected).Order(), _kept.Select(TestRocketMQ.Text).Order());

        // A message that failed has been committed with its copy to the retry topic: its last call may still be going on.
        await Eventually.TrueAsync(() => _leased.All(kept => LeasedListenerTests.IsGone(kept.Body)), "all bytes have gone back");
        Assert.All(_leased, kept => Assert.Throws<ObjectDisposedException>(() => kept.Message.Body));
        Assert.Equal((filtered ?? expected).Order(), _kept.Select(message => message.Keys).Order());
        return keep ? rocketmq : null;
    }
}
