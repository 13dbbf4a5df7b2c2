using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;

namespace OrleansRocketMQ.Storage;

/// <summary>Finds the grain storage this library keeps its own state in.</summary>
internal static class StateStorage
{
    /// <summary>The storage provider looked for first; without it, the silo's default one is used.</summary>
    public const string ProviderName = "RocketMQ";

    private const string DefaultProviderName = "Default";

    /// <summary>The storage, or null when the silo has none.</summary>
    public static IGrainStorage? Find(IServiceProvider services)
        => services.GetKeyedService<IGrainStorage>(ProviderName) ?? services.GetKeyedService<IGrainStorage>(DefaultProviderName);
}
