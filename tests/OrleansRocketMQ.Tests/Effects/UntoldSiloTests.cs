using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Testing;
using OrleansRocketMQ.Tests.Infrastructure;
using OrleansRocketMQ.Tests.Management;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>A seek that wants effects again, and silos that cannot be told of it: what is to run again runs again there, too.</summary>
public sealed class UntoldSiloTests
{
    private const int Tills = 8;

    private static readonly ConsumerScope Orders = ConsumerScope.OfTopic(TestRocketMQ.Topic);
    private static readonly SeekTarget BeginAgain = SeekTarget.Begin with { EffectsAgain = true };

    private readonly JsonStorage _storage = new();
    private readonly Deafness _deaf = new();

    [Fact]
    public async Task A_queue_learns_of_a_seek_by_the_seek_itself()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await ConsumeAsync(rocketmq, silos: 1);
        await PayAsync(rocketmq);
        _deaf.IsDeaf = _ => true;

        await rocketmq.Management(cluster).SeekAsync(Orders, BeginAgain);

        await UntilAppliedTwiceAsync();
    }

    [Fact]
    public async Task A_queue_takes_along_what_it_knows_of_seeks()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await ConsumeAsync(rocketmq, silos: 1);
        await PayAsync(rocketmq);
        var first = cluster.Silos.Silos[0].SiloAddress;
        _deaf.IsDeaf = silo => !silo.Equals(first);
        using var held = new Held(TillScript.Of(rocketmq.MyGroup));
        await rocketmq.Management(cluster).SeekAsync(Orders, BeginAgain);
        await held.ReachedAsync();

        var second = (await cluster.Silos.StartAdditionalSiloAsync()).SiloAddress;
        await Eventually.TrueAsync(() => QueuesOn(second, rocketmq, cluster).Any(), () => "a queue has moved");
        held.Dispose();

        await UntilAppliedTwiceAsync();
    }

    [Fact]
    public async Task Who_takes_over_the_queues_of_a_dead_silo_asks_what_it_has_missed()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        await using var cluster = await ConsumeAsync(rocketmq, silos: 2);
        await PayAsync(rocketmq);
        var (dies, lives) = (cluster.Silos.Silos[0], cluster.Silos.Silos[1]);
        _deaf.IsDeaf = silo => silo.Equals(lives.SiloAddress);
        var moved = Assert.Single(QueuesOn(dies.SiloAddress, rocketmq, cluster));
        using var held = new Held(TillScript.Of(rocketmq.MyGroup));
        await rocketmq.Management(cluster).SeekAsync(ConsumerScope.OfQueue(moved), BeginAgain);
        await held.ReachedAsync();

        await cluster.Silos.KillSiloAsync(dies);
        held.Dispose();

        await UntilAppliedTwiceAsync(till => till.Processed.Queues.Any(queue => queue.QueueId == moved.QueueId));
    }

    private Task<TestCluster> ConsumeAsync(TestRocketMQ rocketmq, short silos)
        => rocketmq.ConsumeAtTillsAsync<Till>(
            _storage,
            silos,
            // What is held fails as long as it takes.
            options => options.MaxReconsumeTimes = int.MaxValue,
            services => services.AddSingleton<IOutgoingGrainCallFilter>(
                provider => _deaf.Of(provider.GetRequiredService<ILocalSiloDetails>().SiloAddress)));

    private static async Task PayAsync(TestRocketMQ rocketmq)
    {
        foreach (var till in Enumerable.Range(0, Tills))
        {
            await rocketmq.PayAsync($"till-{till}", 3);
        }

        await rocketmq.UntilCommittedAsync(3 * Tills);
    }

    private static IEnumerable<MessageQueue> QueuesOn(SiloAddress silo, TestRocketMQ rocketmq, TestCluster cluster)
        => cluster.Silos.GetSiloServiceProvider(silo).GetRequiredService<IRocketMQSiloStatus>().Groups
            .Where(group => group.Group == rocketmq.MyGroup)
            .SelectMany(group => group.Queues)
            .Select(status => status.Queue)
            .Where(queue => queue.Topic == TestRocketMQ.Topic);

    private MessageDrivenState<TillState>[] Stored => [.. _storage.All<MessageDrivenState<TillState>>("till").Values];

    /// <summary>Waits for the effects of all tills, or of some: there are at least two of these.</summary>
    private Task UntilAppliedTwiceAsync(Func<MessageDrivenState<TillState>, bool>? which = null) => Eventually.TrueAsync(
        () => Stored.Where(which ?? (_ => true)).ToArray() is { Length: >= 2 } tills
            && tills.All(till => till.Value.Payments.SequenceEqual([0, 1, 2, 0, 1, 2])),
        () => $"all effects are there again: {string.Join("; ", Stored.Select(till => string.Join(' ', till.Value.Payments)))}");

    /// <summary>Lets no payment have its effect, until it is disposed of.</summary>
    private sealed class Held : IDisposable
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private volatile bool _isOpen;

        public Held(TillScript script) => script.Applying = _ =>
        {
            if (!_isOpen)
            {
                _reached.TrySetResult();
                throw new InvalidOperationException("not yet");
            }
        };

        public Task ReachedAsync() => _reached.Task.WaitAsync(TimeSpan.FromMinutes(1));

        public void Dispose() => _isOpen = true;
    }

    /// <summary>Silos that hear nothing of settings: they are not told, and their questions are not answered.</summary>
    private sealed class Deafness
    {
        public Func<SiloAddress, bool> IsDeaf { get; set; } = _ => false;

        public IOutgoingGrainCallFilter Of(SiloAddress silo) => new Filter(this, silo);

        private sealed class Filter(Deafness deafness, SiloAddress silo) : IOutgoingGrainCallFilter
        {
            public Task Invoke(IOutgoingGrainCallContext context)
            {
                var isLost = context.InterfaceMethod.Name switch
                {
                    nameof(IGroupAgent.ApplyAsync) when context.InterfaceMethod.DeclaringType == typeof(IGroupAgent)
                        => context.Request.GetArgument(0) is not null && deafness.IsDeaf(ReceiverOf(context)),
                    nameof(IGroupSettingsGrain.JoinAsync) or nameof(IGroupSettingsGrain.JoinWithVersionsAsync) => deafness.IsDeaf(silo),
                    _ => false,
                };
                return isLost ? throw new TimeoutException("lost") : context.Invoke();
            }

            // The id of an object of a silo begins with the silo's address.
            private static SiloAddress ReceiverOf(IOutgoingGrainCallContext context)
                => SiloAddress.FromParsableString(context.TargetId.Key.ToString()!.Split("hosted-")[1].Split('+')[0]);
        }
    }
}
