using System.Reflection;
using System.Text.Json;
using Orleans.Metadata;
using OrleansRocketMQ.SiloHost.Errors;

namespace OrleansRocketMQ.SiloHost.Listeners;

/// <summary>An assembly with listeners that was loaded from a file.</summary>
internal sealed record ListenerAssembly(string File, IReadOnlyList<Type> Listeners)
{
    public override string ToString() => $"{string.Join(", ", Listeners.Select(listener => listener.Name))} from {File}";
}

/// <summary>
/// Loads the listeners in the folder <c>Listeners:Path</c>: every <c>X.dll</c> with its <c>X.deps.json</c> beside it, as a
/// build or publish leaves them, in the folder itself or in a folder in it. Orleans finds their grains, and
/// <c>AddRocketMQ()</c> their <see cref="RocketMQListenerAttribute"/>, because they are loaded before the silo is built.
/// </summary>
internal static class ListenerAssemblies
{
    public const string PathKey = "Listeners:Path";
    private const string DependenciesSuffix = ".deps.json";

    /// <exception cref="StartException">
    /// The folder is missing, a file cannot be loaded or has no listener, or two have the same name.
    /// </exception>
    public static IReadOnlyList<ListenerAssembly> Load(IConfiguration configuration)
    {
        if (configuration[PathKey] is not { } setting || string.IsNullOrWhiteSpace(setting))
        {
            return [];
        }

        var folder = Path.GetFullPath(setting);
        if (!Directory.Exists(folder))
        {
            throw new StartException($"{PathKey} is '{setting}', but there is no folder {folder}.");
        }

        string[] files = [.. FilesIn(folder), .. Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal).SelectMany(FilesIn)];
        if (files.Length == 0)
        {
            throw new StartException(
                $"{PathKey} is '{setting}', but neither {folder} nor a folder in it holds a listener: "
                    + $"expected is X.dll with X{DependenciesSuffix} beside it, as dotnet publish leaves them.");
        }

        ListenerAssembly[] loaded = [.. files.Select(LoadFile)];
        CheckNames(loaded);
        return loaded;
    }

    private static IEnumerable<string> FilesIn(string folder) => Directory.EnumerateFiles(folder, $"*{DependenciesSuffix}")
        .Select(file => file[..^DependenciesSuffix.Length] + ".dll")
        .Where(File.Exists)
        .Order(StringComparer.Ordinal);

    private static ListenerAssembly LoadFile(string file)
    {
        try
        {
            CheckDependencies(file);
            var context = new ListenerLoadContext(file);
            var assembly = context.LoadFromAssemblyPath(file);
            foreach (var reference in assembly.GetReferencedAssemblies())
            {
                // Now, not with the first message.
                context.LoadFromAssemblyName(reference);
            }

            Type[] listeners = [.. assembly.GetTypes().Where(IsListener)];
            if (!listeners.Any(listener => listener.IsDefined(typeof(RocketMQListenerAttribute))))
            {
                throw new StartException(
                    $"{file} ({PathKey}) has no listener: expected is a grain class with [RocketMQListener] that implements "
                        + $"{nameof(IConcurrentListener)}, {nameof(IOrderlyListener)} or {nameof(IKeyOrderedListener)}.");
            }

            return assembly.IsDefined(typeof(ApplicationPartAttribute))
                ? new ListenerAssembly(file, listeners)
                : throw new StartException(
                    $"{file} ({PathKey}) was built without Orleans' code generator. "
                        + "Reference the package Microsoft.Orleans.Sdk in its project.");
        }
        catch (ReflectionTypeLoadException exception)
        {
            var reason = exception.LoaderExceptions.FirstOrDefault()?.Message ?? exception.Message;
            throw new StartException($"{file} ({PathKey}) cannot be loaded: {reason}", exception);
        }
        catch (Exception exception) when (exception is BadImageFormatException or IOException or UnauthorizedAccessException
            or TypeLoadException or InvalidOperationException)
        {
            throw new StartException($"{file} ({PathKey}) cannot be loaded: {exception.Message}", exception);
        }
    }

    private static bool IsListener(Type type) => type is { IsClass: true, IsAbstract: false }
        && typeof(IRocketMQListener).IsAssignableFrom(type)
        && typeof(IGrainBase).IsAssignableFrom(type);

    // .NET's own reader ends the process over a file that does not say what it is for.
    private static void CheckDependencies(string file)
    {
        var path = Path.ChangeExtension(file, DependenciesSuffix);
        using var json = ReadJson(path);
        if (json.RootElement.ValueKind != JsonValueKind.Object
            || !json.RootElement.TryGetProperty("runtimeTarget", out var target)
            || target.ValueKind != JsonValueKind.Object
            || !target.TryGetProperty("name", out var name)
            || name.ValueKind != JsonValueKind.String)
        {
            throw new StartException(
                $"{file} ({PathKey}) cannot be loaded: {path} is not what a build writes. Build or publish the project anew.");
        }
    }

    private static JsonDocument ReadJson(string path)
    {
        try
        {
            return JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException exception)
        {
            throw new StartException($"{path} ({PathKey}) cannot be read: {exception.Message}", exception);
        }
    }

    // Orleans knows a grain class by this name alone, whatever its namespace or assembly.
    private static void CheckNames(ListenerAssembly[] loaded)
    {
        var same = loaded
            .SelectMany(assembly => assembly.Listeners.Select(listener => (assembly.File, Listener: listener)))
            .GroupBy(one => NameOf(one.Listener), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(name => name.Count() > 1)?.ToArray();
        if (same is not null)
        {
            throw new StartException(
                $"{same[0].Listener.FullName} in {same[0].File} and {same[1].Listener.FullName} in {same[1].File} ({PathKey}) "
                    + "have the same grain name. Rename one, or give it a name by [GrainType].");
        }
    }

    private static string NameOf(Type listener) => listener.GetCustomAttribute<GrainTypeAttribute>() is { } named
        ? $"{named.GetGrainType(services: null!, listener)}"
        : listener.Name;
}
