namespace OrleansRocketMQ.SiloHost.Support.Stores;

/// <summary>Finds the servers that this machine has, on the path and where packages of systems put them.</summary>
internal static class Binaries
{
    /// <summary>Names the only folders to look into, so that a machine can be tried on which a server is missing.</summary>
    public const string FoldersVariable = "TEST_SERVER_FOLDERS";

    // Debian keeps a folder per version that is on no path.
    private const string DebianPostgres = "/usr/lib/postgresql";

    private static readonly string[] s_usual = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/pgsql/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"];

    /// <summary>The folder with <c>initdb</c> and <c>postgres</c>; null: there is none.</summary>
    public static string? PostgresFolder { get; } = Folders().FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));

    /// <summary>The Redis server; null: there is none.</summary>
    public static string? Redis { get; } = Folders().Select(folder => Path.Combine(folder, "redis-server")).FirstOrDefault(File.Exists);

    private static string[] Folders() => Environment.GetEnvironmentVariable(FoldersVariable) is { } only ? Split(only) :
    [
        .. Directory.Exists(DebianPostgres)
            ? Directory.GetDirectories(DebianPostgres).OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out var version) ? version : 0).Select(folder => Path.Combine(folder, "bin"))
            : [],
        .. Split(Environment.GetEnvironmentVariable("PATH") ?? string.Empty),
        .. s_usual,
    ];

    private static string[] Split(string folders) => folders.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
}
