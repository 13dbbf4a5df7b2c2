using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Configuration;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>The manifests of <c>silo-host/kubernetes</c>, read as Kubernetes reads them: what it does not know is an error.</summary>
internal sealed partial class Manifests
{
    private static readonly string s_folder = Path.Combine(RunningProgram.PathOf("repository"), "silo-host");

    private readonly object[] _all =
    [
        .. Directory.EnumerateFiles(Path.Combine(s_folder, "kubernetes"), "*.yaml").Order()
            .SelectMany(file => KubernetesYaml.LoadAllFromString(File.ReadAllText(file), strict: true)),
    ];

    public V1StatefulSet Silos => The<V1StatefulSet>();

    public V1Container Silo => Assert.Single(Silos.Spec.Template.Spec.Containers);

    public V1Job Check => The<V1Job>();

    /// <summary>What the image sets, unless a manifest does.</summary>
    public static string UrlsOfTheImage => UrlsLine().Match(File.ReadAllText(Path.Combine(s_folder, "Dockerfile"))).Groups["urls"].Value;

    /// <summary>The object of a kind, of which there is one.</summary>
    public T The<T>() => Assert.Single(_all.OfType<T>());

    /// <summary>The settings a container's program reads: its file, overridden by the variables whose values the manifest gives.</summary>
    public static IConfiguration Settings(V1Container container) => new ConfigurationBuilder()
        .AddJsonFile(Path.Combine(s_folder, "appsettings.json"))
        .AddInMemoryCollection([new("Urls", UrlsOfTheImage)])
        .AddInMemoryCollection(container.Env
            .Where(variable => variable.Value is not null)
            .Select(variable => KeyValuePair.Create(KeyOf(variable.Name), (string?)variable.Value)))
        .Build();

    /// <summary>The setting a variable is.</summary>
    public static string KeyOf(string variable) => variable.Replace("__", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal);

    [GeneratedRegex("^ENV URLS=(?<urls>.+)$", RegexOptions.Multiline)]
    private static partial Regex UrlsLine();
}
