using System.Reflection;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Whether a name is one of an exception. Thread-safe.</summary>
internal static class ExceptionNames
{
    /// <summary>
    /// Whether a loaded assembly has such a class. One that is not loaded yet is not asked, so that a name may be right although it is
    /// not known.
    /// </summary>
    /// <param name="name">In full or alone.</param>
    public static bool IsKnown(string name)
        => Type.GetType($"System.{name}") is not null // Most are: no class of any assembly is looked at.
            || AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetType(name) is not null || HasClass(assembly, name));

    private static bool HasClass(Assembly assembly, string name)
    {
        try
        {
            return assembly.GetTypes().Any(type => type.Name == name || type.FullName == name);
        }
        catch (ReflectionTypeLoadException incomplete)
        {
            return incomplete.Types.Any(type => type?.Name == name || type?.FullName == name);
        }
    }
}
