using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.Runtime.Hosting;
using Orleans.Storage;

namespace OrleansRocketMQ.Storage;

/// <summary>
/// The grain storage this library keeps its own state in: the one the host registers under this name; otherwise the
/// silo's default one; if there is none either, memory.
/// </summary>
internal static class StateStorage
{
    public const string ProviderName = "RocketMQ";

    private const string DefaultProviderName = "Default";
    private const string MemoryProviderName = "RocketMQ.Memory";

    public static void AddTo(ISiloBuilder silo)
    {
        silo.AddMemoryGrainStorage(MemoryProviderName);
        if (!silo.Services.Any(service => service.ServiceType == typeof(IGrainStorage) && ProviderName.Equals(service.ServiceKey)))
        {
            silo.Services.AddGrainStorage(ProviderName, static (services, _) =>
                services.GetKeyedService<IGrainStorage>(DefaultProviderName)
                    ?? services.GetRequiredKeyedService<IGrainStorage>(MemoryProviderName));
        }
    }

    /// <summary>Whether it is memory that nobody has asked for, which ends with the silo.</summary>
    public static bool IsStandIn(IServiceProvider services)
        => ReferenceEquals(Find(services), services.GetRequiredKeyedService<IGrainStorage>(MemoryProviderName));

    public static IGrainStorage Find(IServiceProvider services) => services.GetRequiredKeyedService<IGrainStorage>(ProviderName);
}
