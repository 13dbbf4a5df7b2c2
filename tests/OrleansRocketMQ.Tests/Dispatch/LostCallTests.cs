using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Orderly;

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
        var consumed = new ConcurrentDictionary<string, int>();
        ScriptedListener.Script(rocketmq.MyGroup, async (messages, _, _) =>
        {
            // Else the few slots that are free first do it all, and all of them may have their grains beside them.
            await wire.IsInUse;
            Take(messages);
            return ConsumeResult.Success;
        });
        ScriptedKeyedListener.Script(rocketmq.MyGroup, (_, messages, _, _) =>
        {
            Take(messages);
            return ValueTask.FromResult(ConsumeResult.Success);
        });
        Places.Scripts[rocketmq.MyGroup] = (messages, _, _) =>
        {
            Take(messages);
            return ValueTask.FromResult(ConsumeOrderlyResult.Success);
        };
        await using var cluster = await TestCluster.StartAsync(
            rocketmq.Embedded.NameServerAddress,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddSingleton<IOutgoingGrainCallFilter>(wire).AddSingleton<IIncomingGrainCallFilter>(wire);
                _ = mode switch
                {
                    "concurrent" => builder.AddConsumer<SpreadListener>(rocketmq.MyGroup, Configure),
                    "by key" => builder.AddConsumer<ScriptedKeyedListener>(rocketmq.MyGroup, Configure),
                    _ => builder.AddConsumer<FarListener>(rocketmq.MyGroup, Configure),
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
        Assert.Equal(Messages, consumed.Count);
        Assert.All(consumed, message => Assert.Equal(1, message.Value));

        void Take(MessageBatch messages)
        {
            foreach (var message in messages)
            {
                consumed.AddOrUpdate(TestRocketMQ.Text(message), 1, (_, times) => times + 1);
            }
        }

        static void Configure(Hosting.ConsumerBuilder consumer) => consumer.Subscribe(TestRocketMQ.Topic).Configure(options =>
        {
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.PersistInterval = TimeSpan.FromMilliseconds(20);
            options.RetryInterval = TimeSpan.FromMilliseconds(100);
        });
    }

    /// <summary>Swallows a few runs, or a few answers of listeners on another silo.</summary>
    private sealed class LossyWire(Loss loss) : IOutgoingGrainCallFilter, IIncomingGrainCallFilter
    {
        private static readonly Task s_never = new TaskCompletionSource().Task;
        private readonly TaskCompletionSource _inUse = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _lost;

        /// <summary>Ends when a run has come to another silo.</summary>
        public Task IsInUse => _inUse.Task;

        public int HasLost => Volatile.Read(ref _lost);

        public async Task Invoke(IOutgoingGrainCallContext context)
        {
            var call = RunOf(context)?.Renewable;
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

        public Task Invoke(IIncomingGrainCallContext context)
        {
            if (RunOf(context) is { Renewable: null })
            {
                _inUse.TrySetResult();
            }

            return context.Invoke();
        }

        private static IRun? RunOf(IGrainCallContext context)
            => context.Request.GetArgumentCount() > 0 ? context.Request.GetArgument(0) as IRun : null;

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
