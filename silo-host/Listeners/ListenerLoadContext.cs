using System.Reflection;
using System.Runtime.Loader;

namespace OrleansRocketMQ.SiloHost.Listeners;

/// <summary>
/// Loads one listener assembly with what it depends on. What listener and host talk through (Orleans, this library, the
/// framework) is the host's; everything else is the listener's own, so that two of them may use different versions.
/// </summary>
internal sealed class ListenerLoadContext(string file) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(file))
{
    private readonly AssemblyDependencyResolver _dependencies = new(file);

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (IsShared(assemblyName.Name) && FromHost(assemblyName) is { } shared)
        {
            return shared;
        }

        return _dependencies.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;
    }

    protected override IntPtr LoadUnmanagedDll(string unmanagedDllName)
        => _dependencies.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : IntPtr.Zero;

    private static bool IsShared(string? name) => name is not null
        && (name.StartsWith("Orleans", StringComparison.Ordinal) || name.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal));

    private static Assembly? FromHost(AssemblyName name)
    {
        try
        {
            return Default.LoadFromAssemblyName(name);
        }
        catch (FileNotFoundException)
        {
            return null; // The host does not have it; the listener brings its own.
        }
    }
}
