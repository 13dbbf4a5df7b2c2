using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Metadata;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Stopping;

/// <summary>
/// A silo that leaves forwards what comes for its listeners to their next home. Orleans breaks its promise when that silo is gone,
/// so what is consumed there would come again: such a run is consumed only where it names the activation.
/// </summary>
public sealed class ForwardedRunTests : IAsyncLifetime
{
    private static readonly MessageQueue Queue = new("T", "broker-a", 0);
    private readonly TimeSpan _long = TimeSpan.FromMinutes(15);
    private int _consumed;
    private TestRocketMQ _rocketmq = null!;
    private TestCluster _cluster = null!;
    private IListenerRunner _listener = null!;

    public async Task InitializeAsync()
    {
        _rocketmq = await TestRocketMQ.StartAsync();
        _cluster = await ScriptedKeyedListener.ConsumeAsync(
            _rocketmq.Embedded.NameServerAddress,
            _rocketmq.MyGroup,
            TestRocketMQ.Topic,
            (_, messages, _, _) =>
            {
                Interlocked.Add(ref _consumed, messages.Count);
                return new(ConsumeResult.Success);
            });
        var services = _cluster.Silos.GetSiloServiceProvider(_cluster.Silos.Silos[0].SiloAddress);
        var type = services.GetRequiredService<GrainTypeResolver>().GetGrainType(typeof(ScriptedKeyedListener));
        _listener = services.GetRequiredService<IGrainFactory>().GetGrain(GrainId.Create(type, "key")).AsReference<IListenerRunner>();
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _rocketmq.DisposeAsync();
    }

    [Fact]
    public async Task A_run_that_names_no_activation_is_consumed_while_no_silo_leaves()
    {
        var result = await _listener.RunAsync(Run(default), CancellationToken.None);

        Assert.False(result.IsRefused);
        Assert.Equal(1, _consumed);
    }

    [Fact]
    public async Task A_run_that_names_no_activation_is_refused_while_a_silo_leaves_and_consumed_when_it_does()
    {
        ASiloLeaves();

        var refused = await _listener.RunAsync(Run(default), CancellationToken.None);
        Assert.True(refused.IsRefused);
        Assert.Equal(0, _consumed);

        var result = await _listener.RunAsync(Run(refused.Activation), CancellationToken.None);
        Assert.False(result.IsRefused);
        Assert.Equal(refused.Activation, result.Activation);
        Assert.Equal(1, _consumed);
    }

    [Fact]
    public async Task A_run_that_names_another_activation_is_refused_and_told_the_right_one()
    {
        var refused = await _listener.RunAsync(Run(ActivationId.NewId()), CancellationToken.None);

        Assert.True(refused.IsRefused);
        Assert.Equal(0, _consumed);
        Assert.Equal(refused.Activation, (await _listener.RunAsync(Run(default), CancellationToken.None)).Activation);
    }

    [Fact]
    public async Task The_engine_does_not_notice_that_a_run_was_sent_again_to_the_activation_it_must_name()
    {
        ASiloLeaves();
        var services = _cluster.Silos.GetSiloServiceProvider(_cluster.Silos.Silos[0].SiloAddress);
        var listener = new GrainListener(
            _listener, _rocketmq.MyGroup, isOne: true, services.GetRequiredService<CallRenewals>(), _ => default);

        var outcome = await listener.ConsumeAsync(
            new ListenerCall(Queue, new([TestMessages.At(0)]), 1, _long, _long) { InOrder = true }, CancellationToken.None);

        Assert.False(outcome.IsRefused);
        Assert.Equal(1, outcome.Consumed);
        Assert.Equal(1, _consumed);
    }

    private void ASiloLeaves() => _cluster.Silos.GetSiloServiceProvider(_cluster.Silos.Silos[0].SiloAddress)
        .GetRequiredService<ConsumerRegistry>().Find(_rocketmq.MyGroup)!.HasStoppingSilos = true;

    private DispatchBatch Run(ActivationId named) => new(_rocketmq.MyGroup, Queue, 1, _long, new([TestMessages.At(0)]), _long)
    {
        InOrder = true,
        IsOfOne = true,
        Activation = named,
    };
}
