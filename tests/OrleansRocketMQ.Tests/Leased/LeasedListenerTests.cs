using System.Collections.Concurrent;
using System.Text;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Leased;

/// <summary>Listeners that read messages only inside of their call, over TCP through real silos.</summary>
public sealed class LeasedListenerTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(400);

    private readonly ConcurrentQueue<string> _bodies = new();

    [Fact]
    public async Task Every_message_says_its_own_though_their_bytes_are_used_again_and_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            async (messages, _, _) =>
            {
                await Task.Yield();
                foreach (var message in messages)
                {
                    var text = Encoding.UTF8.GetString(message.Body.Span);
                    Assert.True(message.TryGetProperty("KEYS"u8, out var key));
                    Assert.Equal($"key-{text}", Encoding.UTF8.GetString(key));
                    _bodies.Enqueue(text);
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeBatchSize = 8);

        var padding = new string('x', 2000);
        for (var round = 0; round < 10; round++)
        {
            await rocketmq.Producer.SendAsync([.. Enumerable.Range(round * 100, 100).Select(number => Message($"{number}{padding}"))]);
        }

        await rocketmq.UntilCommittedAsync(1000);
        Assert.Equal(Enumerable.Range(0, 1000).Select(number => $"{number}{padding}").Order(), _bodies.Order());
    }

    [Fact]
    public async Task After_the_call_everything_throws_but_a_copy()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var kept = new ConcurrentQueue<(LeasedBatch Batch, LeasedMessage Message, MessageExt Owned)>();
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(rocketmq, (messages, _, _) =>
        {
            Assert.All(kept, before => Assert.Throws<ObjectDisposedException>(() => before.Message.Body));
            kept.Enqueue((messages, messages[0], messages[0].ToOwned()));
            return ValueTask.FromResult(ConsumeResult.Success);
        },
        options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (1, 1)); // No other call has ended so late that it still runs.

        await rocketmq.Producer.SendAsync([.. Enumerable.Range(0, 50).Select(number => Message($"{number}"))]);
        await rocketmq.UntilCommittedAsync(50);

        Assert.Equal(50, kept.Count);
        foreach (var (batch, message, owned) in kept)
        {
            Assert.Contains("ToOwned", Assert.Throws<ObjectDisposedException>(() => message.Body).Message, StringComparison.Ordinal);
            Assert.Throws<ObjectDisposedException>(() => message.QueueOffset);
            Assert.Throws<ObjectDisposedException>(() => message.ToOwned());
            Assert.Throws<ObjectDisposedException>(() => batch[0].Tags);
            Assert.Equal($"key-{TestRocketMQ.Text(owned)}", owned.Keys);
        }
    }

    [Fact]
    public async Task A_body_that_was_kept_throws_once_its_bytes_have_gone_back()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var kept = new ConcurrentQueue<ReadOnlyMemory<byte>>();
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(rocketmq, (messages, _, _) =>
        {
            kept.Enqueue(messages[0].Body);
            return ValueTask.FromResult(ConsumeResult.Success);
        });

        await rocketmq.Producer.SendAsync([.. Enumerable.Range(0, 50).Select(number => Message($"{number}"))]);
        await rocketmq.UntilCommittedAsync(50);

        Assert.Equal(50, kept.Count);
        await Eventually.TrueAsync(() => kept.All(IsGone), "all bytes have gone back");
    }

    [Fact]
    public async Task A_message_that_fails_comes_again_as_it_was_and_dies_as_it_was()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            (messages, _, _) =>
            {
                _bodies.Enqueue(Encoding.UTF8.GetString(messages[0].Body.Span));
                return messages[0].Keys == "key-bad" ? throw new InvalidOperationException("no") : ValueTask.FromResult(ConsumeResult.Success);
            },
            options => options.MaxReconsumeTimes = 2);

        await rocketmq.Producer.SendAsync([Message("1"), Message("bad"), Message("2")]);

        await Eventually.TrueAsync(() => rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)).Count == 1, "a dead letter");
        Assert.Equal(["1", "2", "bad", "bad", "bad"], _bodies.Order());
        var dead = rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup))[0];
        Assert.Equal(("bad", "key-bad"), (TestRocketMQ.Text(dead), dead.Keys));
    }

    [Fact]
    public async Task A_call_that_takes_too_long_keeps_its_bytes_until_it_really_ends()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        LeasedMessage kept = default;
        ReadOnlyMemory<byte> body = default;
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            async (messages, _, _) =>
            {
                if (messages[0] is { Keys: "key-slow", ReconsumeTimes: 0 } slow)
                {
                    (kept, body) = (slow, slow.Body);
                    await late.Task;
                    seen.TrySetResult($"{Encoding.UTF8.GetString(slow.Body.Span)} {slow.Keys} {Encoding.UTF8.GetString(body.Span)}");
                    return ConsumeResult.Success;
                }

                foreach (var message in messages)
                {
                    _bodies.Enqueue(Encoding.UTF8.GetString(message.Body.Span));
                }

                return ConsumeResult.Success;
            },
            options => options.ConsumeTimeout = Limit);

        await rocketmq.Producer.SendAsync([Message("1"), Message("slow"), Message("2")]);
        await rocketmq.UntilCommittedAsync(3);
        for (var round = 0; round < 5; round++)
        {
            await rocketmq.Producer.SendAsync([.. Enumerable.Range(0, 32).Select(number => Message($"other {number}"))]);
        }

        await rocketmq.UntilCommittedAsync(3 + (5 * 32));
        await Eventually.TrueAsync(() => _bodies.Contains("slow"), "the slow message comes again");
        Assert.False(IsGone(body));
        late.SetResult();

        Assert.Equal("slow key-slow slow", await seen.Task.WaitAsync(Eventually.Deadline));
        await Eventually.TrueAsync(() => IsGone(body), "the bytes have gone back");
        Assert.Throws<ObjectDisposedException>(() => kept.Body);
    }

    [Fact]
    public async Task A_seek_while_a_listener_reads_takes_nothing_from_it_and_all_comes_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            async (messages, _, _) =>
            {
                began.TrySetResult();
                await go.Task;
                _bodies.Enqueue(Encoding.UTF8.GetString(messages[0].Body.Span));
                return ConsumeResult.Success;
            },
            options => (options.ConsumeThreadMin, options.ConsumeThreadMax) = (2, 2));
        await rocketmq.Producer.SendAsync([.. Enumerable.Range(0, 20).Select(number => Message($"{number}"))]);
        await began.Task.WaitAsync(Eventually.Deadline);

        // It waits for what listeners have.
        var seek = cluster.Silos.Client.GetGrain<IConsumerGroupManagementGrain>(rocketmq.MyGroup)
            .SeekAsync(ConsumerScope.OfTopic(TestRocketMQ.Topic), SeekTarget.Begin);
        go.SetResult();
        await seek;

        await rocketmq.UntilCommittedAsync(20);
        await Eventually.TrueAsync(() => _bodies.Distinct().Count() == 20, "all of them");
        Assert.Equal(Enumerable.Range(0, 20).Select(number => $"{number}").Order(), _bodies.Distinct().Order());
    }

    [Fact]
    public async Task A_stop_that_a_listener_outlives_takes_nothing_from_it()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var seen = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (await ScriptedLeasedListener.ConsumeAsync(
            rocketmq,
            async (messages, _, _) =>
            {
                began.TrySetResult();
                await go.Task;
                seen.TrySetResult(Encoding.UTF8.GetString(messages[0].Body.Span));
                return ConsumeResult.Success;
            },
            shutdown: TimeSpan.FromMilliseconds(200)))
        {
            await rocketmq.Producer.SendAsync([Message("only")]);
            await began.Task.WaitAsync(Eventually.Deadline);
        }

        go.SetResult();
        Assert.Equal("only", await seen.Task.WaitAsync(Eventually.Deadline));
        Assert.Equal(0, rocketmq.Committed());
    }

    [Fact]
    public async Task Compressed_bodies_come_readable()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var body = string.Concat(Enumerable.Repeat("compressible ", 2000));
        await using var cluster = await ScriptedLeasedListener.ConsumeAsync(rocketmq, (messages, _, _) =>
        {
            _bodies.Enqueue(Encoding.UTF8.GetString(messages[0].Body.Span));
            return ValueTask.FromResult(ConsumeResult.Success);
        });

        await rocketmq.Producer.SendAsync(Message(body));
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal(body, Assert.Single(_bodies));
    }

    [Fact]
    public async Task One_that_need_not_be_where_the_bytes_are_is_refused_by_name()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            builder.AddConsumer<RoamingLeasedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic));
        }));
        Assert.Contains("[StatelessWorker]", refused.ToString(), StringComparison.Ordinal);
    }

    private static Message Message(string text) => new(TestRocketMQ.Topic, Encoding.UTF8.GetBytes(text), keys: $"key-{text}");

    internal static bool IsGone(ReadOnlyMemory<byte> body)
    {
        try
        {
            return body.Span.Length < 0;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }
}
