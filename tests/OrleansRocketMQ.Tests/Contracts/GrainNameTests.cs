using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Metadata;
using Orleans.Runtime;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>
/// Under these names silos of other versions reach the grains of this one, and storage keeps their states. They stay,
/// whatever a class or an interface is called.
/// </summary>
public sealed class GrainNameTests
{
    private static readonly string[] Grains =
    [
        "allocationagreement", "consumergroupmanagement", "consumergrouponsilo", "consumerswitch", "deadletter",
        "delegatelistener", "groupsettings", "handlerlistener", "keyorderedhandlerlistener", "messagequeue",
        "orderlyhandlerlistener", "outboxindex", "parkedmessage", "subscriptionkeeper", "warmuplistener",
    ];

    private static readonly string[] Interfaces =
    [
        "OrleansRocketMQ.IAllocationAgreementGrain", "OrleansRocketMQ.ICallRenewals", "OrleansRocketMQ.IConsumerGroupOnSiloGrain",
        "OrleansRocketMQ.IConsumerSwitchGrain", "OrleansRocketMQ.IGroupAgent", "OrleansRocketMQ.IGroupSettingsGrain",
        "OrleansRocketMQ.IListenerDoor", "OrleansRocketMQ.IListenerRunner", "OrleansRocketMQ.IMessageQueueGrain",
        "OrleansRocketMQ.IOrderlyRunner", "OrleansRocketMQ.IOutboxDrain", "OrleansRocketMQ.IOutboxIndexGrain",
        "OrleansRocketMQ.IParkingGrain", "OrleansRocketMQ.IRunWatch", "OrleansRocketMQ.ISubscriptionFollower",
        "OrleansRocketMQ.ISubscriptionKeeperGrain",
    ];

    [Fact]
    public void Grains_keep_their_names()
    {
        using var host = BuiltSilo.Build(null);
        var names = host.Services.GetRequiredService<GrainTypeResolver>();

        Assert.Equal(Grains, Types(type => type is { IsClass: true, IsAbstract: false } && typeof(IGrainBase).IsAssignableFrom(type))
            .Select(type => names.GetGrainType(type).ToString())
            .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Interfaces_of_grains_keep_their_names()
    {
        using var host = BuiltSilo.Build(null);
        var names = host.Services.GetRequiredService<GrainInterfaceTypeResolver>();

        Assert.Equal(Interfaces, Types(type => type.IsInterface && typeof(IAddressable).IsAssignableFrom(type))
            .Select(type => names.GetGrainInterfaceType(type).ToString())
            .Order(StringComparer.Ordinal));
    }

    private static IEnumerable<Type> Types(Func<Type, bool> wanted) => typeof(RocketMQSilo).Assembly.GetTypes().Where(wanted);
}
