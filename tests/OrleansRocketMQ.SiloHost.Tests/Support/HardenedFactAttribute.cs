using System.Diagnostics;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>A test that needs mounts of its own and another user; skipped, in a line, where the system does not let it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class HardenedFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> s_isPossible = new(() =>
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            return false;
        }

        try
        {
            using var tried = Process.Start("unshare", ["--mount", "sh", "-c", "mount -o remount,bind,ro / && setpriv --reuid=65534 --clear-groups true"]);
            tried.WaitForExit();
            return tried.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });

    public HardenedFactAttribute() => Skip = s_isPossible.Value ? null : "This user may not have mounts of his own (unshare, setpriv).";
}
