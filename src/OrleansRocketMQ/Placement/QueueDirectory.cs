using Microsoft.Extensions.DependencyInjection;
using Orleans.GrainDirectory;
using Orleans.Hosting;
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
#pragma warning disable ORLEANSEXP003 // The distributed directory is the only one of Orleans' own that keeps queues where they are.
        silo.AddDistributedGrainDirectory(Name);
#pragma warning restore ORLEANSEXP003
        if (!silo.Services.Any(service => service.ServiceType == typeof(IGrainDirectory) && Equals(service.ServiceKey, Name)))
        {
            // A silo has one distributed directory at most; the host has made it its usual one, which serves as well.
            silo.Services.AddGrainDirectory(
                Name, (services, _) => services.GetRequiredKeyedService<IGrainDirectory>(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY));
        }
    }
}
