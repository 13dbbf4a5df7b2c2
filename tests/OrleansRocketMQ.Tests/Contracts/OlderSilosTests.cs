using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Serialization;
using Orleans.TestingHost;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>
/// What is new in calls between silos does not disturb silos of v0.2.0, which know less of the same types. They are stood in for by
/// types with the members of then: the serializer reads by the type that is asked for, as an older silo does.
/// </summary>
public sealed class OlderSilosTests : IAsyncLifetime
{
    // Types that silos of then have never heard of.
    private static readonly byte[][] New =
    [
        "OrleansRocketMQ.StoppedQueue"u8.ToArray(), "OrleansRocketMQ.BreakerStatus"u8.ToArray(), "OrleansRocketMQ.SeekMark"u8.ToArray(),
        "OrleansRocketMQ.ICallRenewals"u8.ToArray(), "OrleansRocketMQ.QueueReading"u8.ToArray(),
    ];

    private readonly InProcessTestCluster _silos = new InProcessTestClusterBuilder(1).Build();

    private IServiceProvider Services => _silos.GetSiloServiceProvider(_silos.Silos[0].SiloAddress);

    public Task InitializeAsync() => _silos.DeployAsync();

    public async Task DisposeAsync() => await _silos.DisposeAsync();

    [Fact]
    public void A_run_with_the_address_for_renewals_is_read_without_it()
    {
        var call = new CallRenewal(TimeProvider.System);
        var message = TestMessages.At(7);
        var run = new DispatchBatch("g", new("T", "broker-a", 1), 3, TimeSpan.FromSeconds(1), new([message]), TimeSpan.FromMinutes(15))
        {
            InOrder = true,
            Failures = 2,
            IsOfOne = true,
            Renewals = ActivatorUtilities.CreateInstance<CallRenewals>(Services).AddressOf(call),
            Call = (5, 6),
            Reading = new(8, 9),
        };

        var read = Reread<DispatchBatch, RunOfThen>(run);

        Assert.Equal(("g", run.Queue, 3, true, 2), (read.Group, read.Queue, read.BatchSize, read.InOrder, read.Failures));
        Assert.Equal(7, Assert.Single(read.Messages).QueueOffset);
        Assert.Equal(TimeSpan.FromMinutes(15), read.ConsumeTimeout);
    }

    [Fact]
    public void Settings_with_seeks_breakers_and_stops_are_read_without_them()
    {
        var queue = new MessageQueue("T", "broker-a", 1);
        var flow = FlowSettings.None.Pause(ConsumerScope.OfQueue(queue)).Moved(ConsumerScope.Everything, effectsAgain: true, number: 12)
            .Stop(new() { Queue = queue, MessageId = "id", Reason = "bad", Since = DateTimeOffset.UtcNow, Silo = "S" }) with
        {
            Breakers = [new() { Topic = "T", Failed = 3, Messages = 4 }],
        };

        Assert.True(SaysTypes(flow));
        var read = Reread<FlowSettings, FlowOfThen>(flow);

        Assert.Equal((ConsumerScope.OfQueue(queue), flow.Version), (Assert.Single(read.Paused), read.Version));
    }

    [Fact]
    public void What_then_was_said_is_read_with_nothing_new()
    {
        var flow = Reread<FlowOfThen, FlowSettings>(new FlowOfThen { Paused = [ConsumerScope.OfTopic("T")], Version = 4 });
        Assert.Equal((ConsumerScope.OfTopic("T"), 4), (Assert.Single(flow.Paused), flow.Version));
        Assert.Equal((0, 0, 0), (flow.Seeks.Count, flow.Breakers.Count, flow.Stopped.Count));

        var run = Reread<RunOfThen, DispatchBatch>(new RunOfThen("g", new("T", "broker-a", 1), 3, default, new([TestMessages.At(7)]), default));
        Assert.Null(run.Renewals);
        run.Renew();
        Assert.Equal(7, Assert.Single(run.Messages).QueueOffset);
    }

    /// <summary>Whether the types of what is new stand in the bytes: else there would be nothing to stumble over.</summary>
    private bool SaysTypes(FlowSettings flow)
        => Services.GetRequiredService<Serializer<FlowSettings>>().SerializeToArray(flow).AsSpan().IndexOf(New[0]) >= 0;

    private TOther Reread<T, TOther>(T value)
    {
        var bytes = Services.GetRequiredService<Serializer<T>>().SerializeToArray(value);
        foreach (var name in New)
        {
            for (var rest = bytes.AsSpan(); rest.IndexOf(name) is >= 0 and var place; rest = rest[(place + name.Length)..])
            {
                // As long as the name is, and nobody's.
                rest[place..][name.Length - 1] = (byte)'?';
            }
        }

        return Services.GetRequiredService<Serializer<TOther>>().Deserialize(bytes)!;
    }
}

/// <summary>What v0.2.0 knows of a run.</summary>
[GenerateSerializer]
internal sealed record RunOfThen(
    [property: Id(0)] string Group,
    [property: Id(1)] MessageQueue Queue,
    [property: Id(2)] int BatchSize,
    [property: Id(3)] TimeSpan TimeLimit,
    [property: Id(4)] ArraySegment<MessageExt> Messages,
    [property: Id(5)] TimeSpan ConsumeTimeout)
{
    [Id(20)]
    public bool InOrder { get; init; }

    [Id(21)]
    public int Failures { get; init; }

    [Id(22)]
    public bool IsDirect { get; init; }

    [Id(23)]
    public Orleans.Runtime.ActivationId Activation { get; init; }
}

/// <summary>What v0.2.0 knows of what is paused and slowed down.</summary>
[GenerateSerializer]
internal sealed record FlowOfThen
{
    [Id(0)]
    public IReadOnlyList<ConsumerScope> Paused { get; init; } = [];

    [Id(1)]
    public IReadOnlyDictionary<string, double> RateLimits { get; init; } = new Dictionary<string, double>();

    [Id(2)]
    public long Version { get; init; }
}
