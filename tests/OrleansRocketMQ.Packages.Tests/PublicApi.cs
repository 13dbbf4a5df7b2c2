using System.Reflection;
using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What of a library others can use.</summary>
internal static class PublicApi
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    /// <summary>Its types, without those that Orleans' code generator adds.</summary>
    public static IEnumerable<Type> TypesOf(Assembly assembly)
        => assembly.GetExportedTypes().Where(type => type.Namespace?.StartsWith("OrleansCodeGen", StringComparison.Ordinal) != true);

    /// <summary>A type's members that are public, or protected in a class that can be derived from; without what the compiler adds.</summary>
    public static IEnumerable<MemberInfo> MembersOf(Type type)
    {
        if (typeof(Delegate).IsAssignableFrom(type))
        {
            yield break;
        }

        foreach (var member in type.GetMembers(Declared))
        {
            var isVisible = member switch
            {
                ConstructorInfo constructor => !constructor.IsStatic && IsVisible(constructor),
                MethodInfo method => (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal)) && IsVisible(method),
                PropertyInfo property => property.GetAccessors(nonPublic: true).Any(IsVisible),
                EventInfo @event => IsVisible(@event.AddMethod!),
                FieldInfo field => !field.IsSpecialName && (field.IsPublic || ((field.IsFamily || field.IsFamilyOrAssembly) && !type.IsSealed)),
                _ => false,
            };
            if (isVisible && !member.IsDefined(typeof(CompilerGeneratedAttribute)))
            {
                yield return member;
            }
        }
    }

    private static bool IsVisible(MethodBase method)
        => method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed);
}
