using System.Reflection;
using Orleans.Providers;
using Orleans.Serialization.Internal;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// The Orleans providers that settings can name, by Orleans' own convention: <c>Orleans:Clustering:ProviderType</c>,
/// <c>Orleans:GrainStorage:{name}:ProviderType</c> and so on. Looked at here first, so that a wrong name is told in a line.
/// </summary>
internal static class Providers
{
    private const string Silo = "Silo";
    private static readonly string[] s_single = ["Clustering", "Reminders"];
    private static readonly string[] s_named = ["GrainStorage", "GrainDirectory", "Streaming", "BroadcastChannel"];

    /// <exception cref="RocketMQConfigurationException">A provider that this program does not bring.</exception>
    public static void Check(IConfiguration configuration)
    {
        var orleans = configuration.GetSection("Orleans");
        var registered = ReferencedAssemblyProvider.GetRelevantAssemblies()
            .SelectMany(assembly => assembly.GetCustomAttributes<RegisterProviderAttribute>())
            .Where(provider => provider.Target == Silo)
            .ToLookup(provider => provider.Kind, provider => provider.Name, StringComparer.Ordinal);
        var sections = s_single.Select(kind => (Kind: kind, Section: orleans.GetSection(kind)))
            .Concat(s_named.SelectMany(kind => orleans.GetSection(kind).GetChildren().Select(child => (Kind: kind, Section: child))));
        foreach (var (kind, section) in sections.Where(one => one.Section.Exists()))
        {
            Check(kind, section, [.. registered[kind].Distinct().Order(StringComparer.Ordinal)]);
        }
    }

    private static void Check(string kind, IConfigurationSection section, string[] known)
    {
        // What Orleans takes when there is none.
        var type = section["ProviderType"] ?? "Default";
        if (!known.Contains(type))
        {
            throw new RocketMQConfigurationException(
                $"{section.Path}:ProviderType",
                type,
                $"a {kind} provider that this program brings: {(known.Length == 0 ? "there is none" : string.Join(", ", known))}. "
                    + "AdoNet, Redis and Kubernetes come with the programs in silo-host/Providers");
        }
    }
}
