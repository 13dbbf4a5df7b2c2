using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// Where grains of this host keep their state: in what <c>Orleans:GrainStorage</c> names, else in memory. The consumers'
/// own state (progress of broadcasting groups, failure counts of orderly ones, settings of groups) goes to the storage
/// named <c>RocketMQ</c>, else to files when a folder is named, else to <c>Default</c>.
/// </summary>
internal static class GrainState
{
    private const string FolderKey = $"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.OffsetStorePath)}";
    private const string FolderVariable = "ROCKETMQ_OFFSET_STORE_PATH";
    private const string OwnStorageKey = "Orleans:GrainStorage:RocketMQ";

    /// <exception cref="RocketMQConfigurationException">Both a folder and a storage are named.</exception>
    public static void Keep(ISiloBuilder silo, IConfiguration configuration)
    {
        if (!configuration.GetSection("Orleans:GrainStorage:Default").Exists())
        {
            silo.AddMemoryGrainStorageAsDefault();
        }

        var variable = Environment.GetEnvironmentVariable(FolderVariable);
        if ((string.IsNullOrWhiteSpace(variable) ? configuration[FolderKey] : variable) is not { } folder)
        {
            return;
        }

        if (configuration.GetSection(OwnStorageKey).Exists())
        {
            throw new RocketMQConfigurationException(FolderKey, folder, $"none, since {OwnStorageKey} says where state is kept");
        }

        silo.AddRocketMQ(rocketmq => rocketmq.UseFileStorage());
    }
}
