using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Placement;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch;

/// <summary>What a broken connection between silos swallows: Orleans sends nothing anew, and tells nobody.</summary>
public sealed class LostCallTests
{
    private const int Messages = 60;
    private const int Lost = 3;

    public enum Loss
    {
        Run,
        Answer,
    }

    public static TheoryData<string, Loss> Cases
    {
        get
        {
            var cases = new TheoryData<string, Loss>();
            foreach (var mode in new[] { "concurrent", "by key", "in order" })
            {
                cases.Add(mode, Loss.Run);
                cases.Add(mode, Loss.Answer);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task What_is_lost_between_silos_holds_nothing_up_and_no_message_comes_twice(string mode, Loss loss)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var wire = new LossyWire(loss);
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddSingleton<IOutgoingGrainCallFilter>(wire);
                _ = mode switch
                {
                    "concurrent" => builder.AddConsumer<RemoteConcurrentListener>(rocketmq.MyGroup, Configure),
                    "by key" => builder.AddConsumer<RemoteKeyedListener>(rocketmq.MyGroup, Configure),
                    _ => builder.AddConsumer<RemoteOrderlyListener>(rocketmq.MyGroup, Configure),
                };
            },
            silos: 2);
        await cluster.UntilReadyAsync(rocketmq.MyGroup);

        await Parallel.ForEachAsync(Enumerable.Range(0, Messages), async (number, cancellation) =>
        {
            var text = number.ToString(CultureInfo.InvariantCulture);
            await rocketmq.Producer.SendAsync(new Message(TestRocketMQ.Topic, Encoding.UTF8.GetBytes(text)) { ShardingKey = text }, cancellation);
        });

        await rocketmq.UntilCommittedAsync(Messages);
        Assert.InRange(wire.HasLost, 1, Lost);
        var consumed = Consumed.By(rocketmq.MyGroup);
        Assert.Equal(Messages, consumed.Count);
        Assert.All(consumed, message => Assert.Equal(1, message.Value));

        static void Configure(Hosting.ConsumerBuilder consumer) => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.PersistInterval = TimeSpan.FromMilliseconds(20);
            options.RetryInterval = TimeSpan.FromMilliseconds(100);
        });
    }

    /// <summary>Swallows a few runs, or a few answers of listeners on another silo.</summary>
    private sealed class LossyWire(Loss loss) : IOutgoingGrainCallFilter
    {
        private static readonly Task s_never = new TaskCompletionSource().Task;
        private int _lost;

        public int HasLost => Volatile.Read(ref _lost);

        public async Task Invoke(IOutgoingGrainCallContext context)
        {
            var call = context.InterfaceMethod.DeclaringType is { } type && (type == typeof(IListenerRunner) || type == typeof(IOrderlyRunner))
                ? context.Request.GetArgument(0) switch
                {
                    DispatchBatch run => run.Renewable,
                    OrderlyBatch run => run.Renewable,
                    _ => null,
                }
                : null;
            if (call is not null && loss == Loss.Run && TryLose())
            {
                await s_never;
            }

            await context.Invoke();
            if (call is { } ended && loss == Loss.Answer && !ended.Slot.IsHere && TryLose())
            {
                await s_never;
            }
        }

        private bool TryLose()
        {
            for (var lost = HasLost; lost < Lost; lost = HasLost)
            {
                if (Interlocked.CompareExchange(ref _lost, lost + 1, lost) == lost)
                {
                    return true;
                }
            }

            return false;
        }
    }
}

/// <summary>How often each message was consumed.</summary>
internal static class Consumed
{
    private static readonly ConcurrentDictionary<string, ConcurrentDictionary<string, int>> s_byGroup = new();

    public static ConcurrentDictionary<string, int> By(string group) => s_byGroup.GetOrAdd(group, _ => new());

    public static void Add(string group, MessageBatch messages)
    {
        foreach (var message in messages)
        {
            By(group).AddOrUpdate(Encoding.UTF8.GetString(message.Body.Span), 1, (_, times) => times + 1);
        }
    }
}

[RandomPlacement]
internal sealed class RemoteConcurrentListener(IGrainContext grain, ILocalSiloDetails silo) : Grain, IConcurrentListener
{
    private static readonly ConcurrentDictionary<string, TaskCompletionSource> s_anyIsRemote = new();

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        // Else the few slots that are free first do it all, and all of them may have their grains beside them.
        var anyIsRemote = s_anyIsRemote.GetOrAdd(context.Group, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!grain.GrainId.Key.ToString()!.StartsWith(silo.SiloAddress.ToParsableString(), StringComparison.Ordinal))
        {
            anyIsRemote.TrySetResult();
        }

        await anyIsRemote.Task;
        Consumed.Add(context.Group, messages);
        return ConsumeResult.Success;
    }
}

[RandomPlacement]
internal sealed class RemoteKeyedListener : Grain, IKeyOrderedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        Consumed.Add(context.Group, messages);
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

[RandomPlacement]
internal sealed class RemoteOrderlyListener : Grain, IOrderlyListener
{
    public ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        Consumed.Add(context.Group, messages);
        return ValueTask.FromResult(ConsumeOrderlyResult.Success);
    }
}
