using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Cluster.Load;

internal static class ThreadPoolSetup
{
    // Silos, brokers and the load share this process, which in production they do not: what a silo blocks while it starts must
    // not keep the load from being sent, nor other silos from consuming it.
#pragma warning disable CA2255 // A test assembly has no other beginning.
    [ModuleInitializer]
    public static void HaveEnoughThreads() => ThreadPool.SetMinThreads(64, 64);
#pragma warning restore CA2255
}
