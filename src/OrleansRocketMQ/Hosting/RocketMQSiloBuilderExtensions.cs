using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization;
using OrleansRocketMQ;
using OrleansRocketMQ.Admin;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connectivity;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Fencing;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Outboxes;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Statistics;
using OrleansRocketMQ.Storage;
using OrleansRocketMQ.Telemetry;

namespace Orleans.Hosting;

/// <summary>Adds RocketMQ consumers to a silo.</summary>
public static class RocketMQSiloBuilderExtensions
{
    /// <summary>
    /// Makes the silo a member of RocketMQ consumer groups: those declared by <see cref="RocketMQListenerAttribute"/> on
    /// listener grains, those added in <paramref name="configure"/>, and those in the configuration section
    /// <c>RocketMQ:Consumers</c>. May be called more than once.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="configure">Adds consumers and sets options; the section <c>RocketMQ</c> overrides what it sets.</param>
    /// <remarks>
    /// Wrong settings end the start of the host, before the silo begins to start, with a
    /// <see cref="RocketMQConfigurationException"/> that names them.
    /// </remarks>
    public static ISiloBuilder AddRocketMQ(this ISiloBuilder builder, Action<RocketMQBuilder>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        AddParts(builder);
        configure?.Invoke(new RocketMQBuilder(builder.Services));
        builder.Services.AddOptions<RocketMQOptions>().Configure<IServiceProvider>(
            (options, provider) =>
            {
                if (provider.GetService<IConfiguration>()?.GetSection(RocketMQOptions.SectionName) is { } section)
                {
                    SettingsBinder.Bind(section, options);
                    foreach (var room in section.GetSection(nameof(RocketMQOptions.MachineRooms)).GetChildren())
                    {
                        options.MachineRooms[room.Key] = room.Value ?? string.Empty;
                    }
                }

                // Last, as with consumers: the environment overrides everything else.
                provider.GetRequiredService<EnvironmentVariables>().Apply(options);
            });
        return builder;
    }

    /// <summary>Adds what a silo needs once, however many calls add consumers.</summary>
    private static void AddParts(ISiloBuilder builder)
    {
        var services = builder.Services;
        if (!services.Any(service => service.ServiceType == typeof(RocketMQSilo)))
        {
            services.TryAddSingleton(TimeProvider.System);
            services.AddSingleton<AllocateStrategies>();
            services.AddSingleton<ConsumerRegistry>();
            services.AddSingleton<RemoteInvocationDrain>();
            services.AddMetrics();
            services.AddSingleton<RocketMQMetrics>();
            services.AddSingleton<ListenerClasses>();
            services.AddSingleton<TypedListeners>();
            services.AddSingleton(provider => new ConsumeFilters(
                provider.GetServices<ConsumeFilterClass>(),
                provider.GetRequiredService<ConsumerSet>().All,
                provider.GetRequiredService<IServiceScopeFactory>()));
            services.AddSingleton<CallRenewals>();
            services.AddSingleton(provider => new ErrorPolicies(
                provider.GetRequiredService<ConsumerSet>().All,
                SiloRuntime.Of(provider.GetRequiredService<TimeProvider>()),
                provider.GetRequiredService<ILogger<ErrorPolicies>>()));
            services.TryAddSingleton(new EnvironmentVariables());
            services.AddSingleton<ConsumerSet>();
            services.AddSingleton<RocketMQConsumers>();
            services.AddSingleton<IDelegateHandlers>(provider => provider.GetRequiredService<RocketMQConsumers>());
            services.AddSingleton<IRocketMQConsumers>(provider => provider.GetRequiredService<RocketMQConsumers>());
            services.AddSingleton<IConfigurationValidator>(provider => provider.GetRequiredService<ConsumerSet>());
            services.AddSingleton<IConfigurationValidator, MessageSizeCheck>();
            services.AddSingleton<IConfigurationValidator, StopTimesValidator>();
            services.AddSingleton<IConfigurationValidator, MissingServicesCheck>();
            services.AddSingleton<DirectConsumption>();
            services.AddSingleton<AdminRequests>();
            services.AddSingleton<MembershipFence>();
            services.AddSingleton<GroupSeek>();
            services.AddSingleton<GroupPlacement>();
            services.AddSingleton<GroupSwitch>();
            services.AddSingleton<SettingsQuestions>();
            services.AddSingleton<GroupSilos>();
            services.AddSingleton<SiloOutboxes>();
            services.AddSingleton<IOutboxes>(provider => provider.GetRequiredService<SiloOutboxes>());
            services.AddSingleton<OutboxSweeper>();
            services.AddSingleton<RocketMQSilo>();
            services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<RocketMQSilo>());
            services.AddSingleton<IRocketMQSiloStatus, RocketMQSiloStatus>();
            services.AddSingleton<IRocketMQSiloControl, RocketMQSiloControl>();
            services.AddSingleton<IRocketMQConnectivity, RocketMQConnectivity>();
            // Without it a refusal of ours could not travel, and its caller would wait for a time-out.
            services.Configure<ExceptionSerializationOptions>(options => options.SupportedNamespacePrefixes.Add(nameof(OrleansRocketMQ)));
            StateStorage.AddTo(builder);
            QueueDirectory.AddTo(builder);
            builder.AddPlacementDirector<RocketMQQueuePlacement, RocketMQQueuePlacementDirector>();
            builder.AddPlacementDirector<OnNamedSiloPlacement, OnNamedSiloPlacementDirector>();
            builder.AddPlacementDirector<OnSiloOfGroupPlacement, OnSiloOfGroupPlacementDirector>();
            AddGrainExtensions(builder);
        }
    }

    private static void AddGrainExtensions(ISiloBuilder builder)
    {
        builder.AddGrainExtension<IListenerRunner, ListenerInvoker>();
        builder.AddGrainExtension<IOrderlyRunner, OrderlyListenerInvoker>();
        builder.AddGrainExtension<IRunWatch, RunWatch>();
        builder.AddGrainExtension<IListenerDoor, ListenerReadinessProbe>();
        builder.AddGrainExtension<IOutboxDrain, OutboxDrain>();
    }

    /// <summary>
    /// Makes the silo consume from the given cluster for every listener grain that carries a
    /// <see cref="RocketMQListenerAttribute"/>.
    /// </summary>
    /// <param name="builder">The silo.</param>
    /// <param name="nameServer">Name servers: <c>host:port</c>, several separated by <c>;</c>.</param>
    public static ISiloBuilder AddRocketMQ(this ISiloBuilder builder, string nameServer)
        => builder.AddRocketMQ(rocketmq => rocketmq.UseNameServer(nameServer));

    /// <summary>The quick start: consumes one topic with a delegate; everything else is as by default.</summary>
    /// <param name="builder">The silo.</param>
    /// <param name="group">The consumer group.</param>
    /// <param name="nameServer">Name servers: <c>host:port</c>, several separated by <c>;</c>.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="listener">Gets one message at a time, many at once; a message it throws on comes again.</param>
    public static ISiloBuilder AddRocketMQ(
        this ISiloBuilder builder, string group, string nameServer, string topic, Func<MessageExt, CancellationToken, Task> listener)
        => builder.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(nameServer)
            .AddConsumer(group, consumer => consumer.Subscribe(topic).Handle(listener)));

    /// <inheritdoc cref="AddRocketMQ(ISiloBuilder, string, string, string, Func{MessageExt, CancellationToken, Task})"/>
    public static ISiloBuilder AddRocketMQ(
        this ISiloBuilder builder,
        string group,
        string nameServer,
        string topic,
        Func<MessageExt, CancellationToken, Task<ConsumeResult>> listener)
        => builder.AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(nameServer)
            .AddConsumer(group, consumer => consumer.Subscribe(topic).Handle(listener)));
}
