using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Tests.Infrastructure;

internal static class ThreadPoolSetup
{
    // Several silos and brokers share this process; what waits for a thread of the pool must not wait until it grows.
#pragma warning disable CA2255 // A test assembly has no other beginning.
    [ModuleInitializer]
    public static void HaveEnoughThreads() => ThreadPool.SetMinThreads(64, 64);
#pragma warning restore CA2255
}
