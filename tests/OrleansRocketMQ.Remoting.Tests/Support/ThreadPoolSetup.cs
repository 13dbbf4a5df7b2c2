using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Tests.Support;

internal static class ThreadPoolSetup
{
    // Property tests keep threads of the pool busy; answers on sockets must not wait until it grows.
#pragma warning disable CA2255 // A test assembly has no other beginning.
    [ModuleInitializer]
    public static void HaveEnoughThreads() => ThreadPool.SetMinThreads(32, 32);
#pragma warning restore CA2255
}
