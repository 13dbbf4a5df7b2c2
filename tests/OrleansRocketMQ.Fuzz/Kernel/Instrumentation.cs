using System.Diagnostics;
using System.Reflection;
using SharpFuzz;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>Runs this program in a copy of its folder in which SharpFuzz has put counters into the product's assemblies.</summary>
internal static class Instrumentation
{
    private static readonly string[] Assemblies =
    [
        "OrleansRocketMQ.Remoting.dll", "OrleansRocketMQ.Embedded.dll", "OrleansRocketMQ.Compression.dll", "OrleansRocketMQ.Dashboard.dll",
        "OrleansRocketMQ.dll", "K4os.Compression.LZ4.dll", "K4os.Compression.LZ4.Streams.dll", "ZstdSharp.dll",
    ];

    /// <summary>Whether this process runs on such assemblies.</summary>
    public static bool IsOn => typeof(MessageDecoder).Assembly.GetReferencedAssemblies().Any(name => name.Name == "SharpFuzz.Common");

    /// <summary>Copies, instruments, and runs the copy with the same arguments.</summary>
    /// <returns>Its exit code.</returns>
    public static async Task<int> RunCopyAsync(string[] arguments)
    {
        var folder = Directory.CreateTempSubdirectory("orleansrocketmq-fuzz-").FullName;
        try
        {
            Copy(AppContext.BaseDirectory, folder);
            foreach (var assembly in Assemblies)
            {
                Fuzzer.Instrument(Path.Join(folder, assembly), _ => true, Options.Value);
            }

            var program = Path.Join(folder, Path.GetFileName(Assembly.GetExecutingAssembly().Location));
            using var copy = Process.Start(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", [program, .. arguments]);
            await copy.WaitForExitAsync();
            return copy.ExitCode;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
        {
            File.Copy(file, Path.Join(to, Path.GetFileName(file)));
        }

        foreach (var folder in Directory.EnumerateDirectories(from))
        {
            Copy(folder, Path.Join(to, Path.GetFileName(folder)));
        }
    }
}
