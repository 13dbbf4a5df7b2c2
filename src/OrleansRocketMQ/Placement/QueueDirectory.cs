using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Runtime.Hosting;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The grain directory of queue grains, and of those a group has one of: Orleans' distributed one, under a name, so that
/// the host's own choice for its other grains stays. The usual one would end queues of living silos whenever another silo
/// stops, and may make a grain twice while silos join.
/// </summary>
internal static class QueueDirectory
{
    public const string Name = "OrleansRocketMQ";

    public static void AddTo(ISiloBuilder silo)
    {
        var before = silo.Services.Count;
#pragma warning disable ORLEANSEXP003 // The distributed directory is the only one of Orleans' own that keeps queues where they are.
        silo.AddDistributedGrainDirectory(Name);
#pragma warning restore ORLEANSEXP003
        if (silo.Services.Any(service => service.ServiceType == typeof(IGrainDirectory) && Equals(service.ServiceKey, Name)))
        {
            LetHostAddItToo(silo.Services, before);
            return;
        }

        // A silo has one distributed directory at most; the host has made it its usual one, which serves as well.
        silo.Services.AddGrainDirectory(
            Name, (services, _) => services.GetRequiredKeyedService<IGrainDirectory>(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY));
    }

    /// <summary>
    /// Orleans ignores every call but the first, without a word: the host's grains would stay in the usual directory, and on silos
    /// that make the two calls the other way round in the distributed one, so that a grain could live twice. Orleans knows the
    /// first call by this very registration; with an equal one in its place it heeds the host's as well.
    /// </summary>
    private static void LetHostAddItToo(IServiceCollection services, int before)
    {
        for (var index = before; index < services.Count; index++)
        {
            var added = services[index];
            if (added is { IsKeyedService: false, ImplementationType: { } directory }
                && typeof(IGrainDirectory).IsAssignableFrom(directory))
            {
                services[index] = new ServiceDescriptor(added.ServiceType, directory, added.Lifetime);
            }
            else if (added is { IsKeyedService: false, ImplementationFactory: { } participant }
                && added.ServiceType == typeof(ILifecycleParticipant<ISiloLifecycle>))
            {
                services[index] = ServiceDescriptor.Singleton(provider => IsUsual(provider)
                    ? StartedAsUsual.Instance
                    : (ILifecycleParticipant<ISiloLifecycle>)participant(provider));
            }
        }
    }

    private static bool IsUsual(IServiceProvider provider) => ReferenceEquals(
        provider.GetKeyedService<IGrainDirectory>(Name),
        provider.GetKeyedService<IGrainDirectory>(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY));

    /// <summary>The one directory starts and stops once, as the usual one.</summary>
    private sealed class StartedAsUsual : ILifecycleParticipant<ISiloLifecycle>
    {
        public static readonly StartedAsUsual Instance = new();

        public void Participate(ISiloLifecycle lifecycle)
        {
        }
    }
}
