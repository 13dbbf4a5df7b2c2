using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime;

/// <summary>
/// The runtime calls this in a process that <see cref="OrleansRocketMQ.Benchmarks.StartBenchmark"/> starts, before its own code: at its
/// end the process tells what it used. Has the name and the place the runtime looks for, and uses nothing but the framework.
/// </summary>
[SuppressMessage("Design", "CA1050", Justification = "The runtime looks for it outside of namespaces.")]
internal static class StartupHook
{
    public const string Marker = "used ";

    public static void Initialize() => AppDomain.CurrentDomain.ProcessExit += static (_, _) =>
    {
        var used = Environment.CpuUsage.TotalTime.TotalSeconds;
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Marker}{used:0.000} {JitInfo.GetCompilationTime().TotalSeconds:0.000} {JitInfo.GetCompiledMethodCount()}"));
    };
}
