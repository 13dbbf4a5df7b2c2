using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Typed;

namespace OrleansRocketMQ.Tests.Filters;

/// <summary>Filters around the calls of listeners of every kind, in real silos.</summary>
public sealed class ConsumeFilterTests
{
    public static TheoryData<string> Ways => [.. FilteredRocketMQ.Ways];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Filters_stand_around_each_call_those_for_all_groups_outside(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var steps = new ConcurrentQueue<string>();
        var script = TypedScript.For(rocketmq.MyGroup, (value, _) =>
        {
            steps.Enqueue($"listener {((OrderPlaced)value).Number}");
            return false;
        });
        var calls = new ConcurrentQueue<(string Key, int Attempt, object? Value)>();
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, async (call, next, _) =>
        {
            steps.Enqueue("group");
            await next();
            calls.Enqueue((call.Messages[0].Keys!, call.Attempt, call.GetValue(0)));
            steps.Enqueue($"group {call.Result}");
        });
        ScriptedFilter.Script<OtherFilter>(rocketmq.MyGroup, async (call, next, _) =>
        {
            steps.Enqueue("all");
            call.Properties["who"] = "all";
            await next();
            steps.Enqueue($"all {call.Result}");
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(
            way, consumer => consumer.AddFilter<ScriptedFilter>(), builder => builder.AddConsumeFilter<OtherFilter>());

        await rocketmq.SendOrdersAsync(7);

        await script.UntilAsync(1);
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal(["all", "group", "listener 7", "group Success", "all Success"], steps);
        var isTyped = way.EndsWith("grain", StringComparison.Ordinal) || way.EndsWith("handler", StringComparison.Ordinal);
        Assert.Equal([("order-7", 1, isTyped ? new OrderPlaced(7) : null)], calls);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_filter_sees_each_attempt_and_how_it_failed(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.For(rocketmq.MyGroup, (_, failures) => failures == 0);
        var seen = new ConcurrentQueue<(int Attempt, bool Failed)>();
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, async (call, next, _) =>
        {
            try
            {
                await next();
                seen.Enqueue((call.Attempt, call.Result != ConsumeResult.Success || call.Context is { AckIndex: < 0 }));
            }
            catch (InvalidOperationException)
            {
                seen.Enqueue((call.Attempt, true));
                throw;
            }
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1);

        await script.UntilAsync(2);
        await Eventually.TrueAsync(() => seen.Count == 2, () => $"two attempts; there are {seen.Count}");
        Assert.Equal([(1, true), (2, false)], seen);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_filter_that_forgets_next_fails_the_call_and_is_named(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        ScriptedFilter.Script<OtherFilter>(
            rocketmq.MyGroup, (call, next, _) => call.Attempt == 1 ? Task.CompletedTask : next());
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<OtherFilter>());

        await rocketmq.SendOrdersAsync(1, 2);

        await script.UntilAsync(2);
        Assert.Equal([1, 2], script.Numbers.Order());
        Assert.Contains(TypedRocketMQ.Log.Lines, line => line.Contains(rocketmq.MyGroup, StringComparison.Ordinal)
            && line.Contains($"Filter {typeof(OtherFilter).FullName} has neither called next nor given a result", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_filter_makes_a_success_of_a_failure(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.For(rocketmq.MyGroup, (_, _) => true);
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, async (call, next, _) =>
        {
            try
            {
                await next();
            }
            catch (InvalidOperationException)
            {
                // As an exception that means the message is done.
            }

            call.Result = ConsumeResult.Success;
            if (call.Context is { } context)
            {
                context.AckIndex = int.MaxValue;
            }
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1, 2);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal([1, 2], script.Numbers.Order());
        Assert.Empty(rocketmq.Broker.Messages(rocketmq.RetryTopic));
        Assert.Empty(rocketmq.DeadLetters());
    }

    [Theory]
    [InlineData("concurrent handler")]
    [InlineData("orderly raw")]
    [InlineData("key-ordered grain")]
    public async Task A_filter_makes_a_failure_of_a_success(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, async (call, next, _) =>
        {
            await next();
            call.Result = call.Attempt == 1 ? ConsumeResult.ReconsumeLater : call.Result;
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1);

        await script.UntilAsync(2);
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal([1, 1], script.Numbers);
    }

    [Theory]
    [InlineData("concurrent handler")]
    [InlineData("orderly raw")]
    [InlineData("key-ordered grain")]
    public async Task A_filter_may_leave_the_listener_out(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, (call, next, _) =>
        {
            if (call.Messages[0].Keys != "order-1")
            {
                return next();
            }

            call.Result = ConsumeResult.Success;
            return Task.CompletedTask;
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1, 2);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal([2], script.Numbers);
    }

    [Theory]
    [InlineData("concurrent handler")]
    [InlineData("orderly raw")]
    [InlineData("key-ordered grain")]
    public async Task What_a_filter_throws_fails_the_call(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var script = TypedScript.Of(rocketmq.MyGroup);
        ScriptedFilter.Script<ScriptedFilter>(
            rocketmq.MyGroup, (call, next, _) => call.Attempt == 1 ? throw new TimeoutException("no lock") : next());
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1);

        await script.UntilAsync(1);
        await rocketmq.UntilCommittedAsync(1);
        Assert.Equal([1], script.Numbers);
    }

    [Theory]
    [InlineData("concurrent raw")]
    [InlineData("orderly grain")]
    [InlineData("key-ordered raw")]
    public async Task A_filter_for_each_message_has_calls_of_one_and_others_have_the_batch(string way)
    {
        foreach (var perMessage in new[] { true, false })
        {
            await using var rocketmq = await TestRocketMQ.StartAsync(queues: 1);
            var script = TypedScript.Of(rocketmq.MyGroup);
            var sizes = new ConcurrentQueue<int>();
            ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, (call, next, _) =>
            {
                sizes.Enqueue(call.Messages.Count);
                return next();
            });
            await rocketmq.SendOrdersAsync(1, 2, 3, 4);
            await using var cluster = await rocketmq.ConsumeFilteredAsync(
                way, consumer => consumer.AddFilter<ScriptedFilter>(perMessage).Options.ConsumeBatchSize = 4);

            await rocketmq.UntilCommittedAsync(4);

            Assert.Equal([1, 2, 3, 4], script.Numbers.Order());
            Assert.Equal(4, sizes.Sum());
            Assert.Equal(perMessage, script.Got.All(got => got.BatchSize == 1));
            Assert.Equal(perMessage, sizes.All(size => size == 1));
        }
    }

    [Theory]
    [InlineData("concurrent raw")]
    [InlineData("orderly raw")]
    [InlineData("key-ordered grain")]
    public async Task A_filter_that_comes_back_elsewhere_leaves_the_listener_in_its_grain(string way)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var elsewhere = new ConcurrentQueue<bool>();
        var script = TypedScript.For(rocketmq.MyGroup, (_, _) =>
        {
            elsewhere.Enqueue(TaskScheduler.Current == TaskScheduler.Default);
            return false;
        });
        ScriptedFilter.Script<ScriptedFilter>(rocketmq.MyGroup, async (_, next, _) =>
        {
            await Task.Run(() => { }, CancellationToken.None).ConfigureAwait(false);
            await Task.Run(next, CancellationToken.None).ConfigureAwait(false);
        });
        await using var cluster = await rocketmq.ConsumeFilteredAsync(way, consumer => consumer.AddFilter<ScriptedFilter>());

        await rocketmq.SendOrdersAsync(1, 2, 3);

        await script.UntilAsync(3);
        Assert.DoesNotContain(true, elsewhere);
    }

    [Fact]
    public async Task A_handler_and_its_filters_share_a_scope_for_each_call()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        TypedScript.Of(rocketmq.MyGroup);
        await using var cluster = await rocketmq.ConsumeValuesAsync(
            consumer => consumer.Handle<OrderPlaced, ScopedHandler>(TestRocketMQ.Topic).AddFilter<ScopedFilter>().AddFilter<SingleFilter>(),
            prepare: builder => builder.Services.AddSingleton<SingleFilter>());

        await rocketmq.SendOrdersAsync(1, 2);

        await rocketmq.UntilCommittedAsync(2);
        Assert.Equal(2, ScopedFilter.Scopes.Count);
        Assert.Equal(ScopedFilter.Scopes.ToHashSet(), ScopedHandler.Scopes.ToHashSet());
        Assert.All(ScopedFilter.Scopes, scope => Assert.True(scope.IsDisposed));
        Assert.Equal(2, ScopedFilter.Disposed);
        Assert.Single(SingleFilter.Made);
    }

    [Fact]
    public void Without_filters_there_is_nothing_around_a_call()
    {
        using var silo = BuiltSilo.With(builder => builder.AddConsumer<TypedListener>("g", consumer => consumer.Subscribe("t")));

        Assert.Null(silo.Services.GetRequiredService<ConsumeFilters>().Of("g"));
    }

    [Fact]
    public void Filters_of_a_group_are_around_no_other_groups_calls()
    {
        using var silo = BuiltSilo.With(builder => builder
            .AddConsumer<TypedListener>("g", consumer => consumer.Subscribe("t").AddFilter<ScriptedFilter>())
            .AddConsumer<TypedListener>("h", consumer => consumer.Subscribe("t"))
            .AddConsumeFilter<OtherFilter>());
        var filters = silo.Services.GetRequiredService<ConsumeFilters>();

        Assert.Equal([typeof(OtherFilter), typeof(ScriptedFilter)], filters.Of("g")!.Types);
        Assert.Equal([typeof(OtherFilter)], filters.Of("h")!.Types);
        Assert.Equal([typeof(OtherFilter)], filters.Of("of another silo")!.Types);
    }

    /// <summary>Notes the scope it is made in.</summary>
    private sealed class ScopedFilter(OrderScope scope) : IConsumeFilter, IDisposable
    {
        private static int s_disposed;

        public static int Disposed => Volatile.Read(ref s_disposed);

        public static ConcurrentBag<OrderScope> Scopes { get; } = [];

        public async Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
        {
            await next();
            Assert.False(scope.IsDisposed);
            Scopes.Add(scope);
        }

        public void Dispose() => Interlocked.Increment(ref s_disposed);
    }

    private sealed class ScopedHandler(OrderScope scope) : IMessageHandler<OrderPlaced>
    {
        public static ConcurrentBag<OrderScope> Scopes { get; } = [];

        public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken)
        {
            Scopes.Add(scope);
            return Task.CompletedTask;
        }
    }

    /// <summary>Registered as the one of its class.</summary>
    private sealed class SingleFilter : IConsumeFilter
    {
        public static ConcurrentDictionary<SingleFilter, bool> Made { get; } = new();

        public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
        {
            Made[this] = true;
            return next();
        }
    }
}
