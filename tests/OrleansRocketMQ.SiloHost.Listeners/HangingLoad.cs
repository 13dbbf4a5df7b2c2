using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.SiloHost.Listeners;

/// <summary>A listener assembly whose loading does not end, when the environment says so: writes the file it names, and hangs.</summary>
internal static class HangingLoad
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "What a user's assembly might do.")]
    internal static void HangIfAsked()
    {
        if (Environment.GetEnvironmentVariable("TEST_HANG_WHEN_LOADED") is { Length: > 0 } file)
        {
            File.WriteAllText(file, "hangs");
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
