using System.Globalization;
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

    /// <summary>One line per type and member, sorted.</summary>
    public static IReadOnlyList<string> Describe(Assembly assembly)
        => [.. TypesOf(assembly).SelectMany(type => MembersOf(type).Select(Describe).Append(DescribeType(type))).Order(StringComparer.Ordinal)];

    public static bool IsVisible(MethodBase method)
        => method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed);

    private static string DescribeType(Type type)
    {
        var kind = type.IsEnum ? "enum"
            : type.IsInterface ? "interface"
            : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : type.IsValueType ? "struct"
            : type is { IsAbstract: true, IsSealed: true } ? "static class"
            : type.IsAbstract ? "abstract class"
            : type.IsSealed ? "sealed class"
            : "class";
        Type?[] parents = type.IsEnum || type.IsValueType || kind == "delegate" ? [] : [type.BaseType == typeof(object) ? null : type.BaseType, .. Own(type)];
        var inherited = string.Join(", ", parents.OfType<Type>().Select(parent => TypeNames.Of(parent)).Order(StringComparer.Ordinal));
        var invoke = kind == "delegate" ? type.GetMethod("Invoke") : null;
        return $"{TypeNames.Of(type)}{(invoke is null ? null : Parameters(invoke))}{(invoke is null ? null : $" -> {TypeNames.Of(invoke.ReturnParameter)}")} [{kind}]{(inherited.Length > 0 ? $" : {inherited}" : null)}";
    }

    // Interfaces the type names itself, as far as can be told: not those that come with its base or with other interfaces.
    private static IEnumerable<Type> Own(Type type)
    {
        var all = type.GetInterfaces().Where(parent => parent.IsVisible).ToArray();
        return all.Except(all.SelectMany(parent => parent.GetInterfaces())).Except(type.BaseType?.GetInterfaces() ?? []);
    }

    private static string Describe(MemberInfo member)
    {
        var owner = TypeNames.Of(member.DeclaringType!);
        return member switch
        {
            ConstructorInfo constructor => $"{owner}.{member.DeclaringType!.Name.Split('`')[0]}{Parameters(constructor)}{Words(constructor)}",
            MethodInfo method => $"{owner}.{method.Name}{TypeParameters(method)}{Parameters(method)} -> {TypeNames.Of(method.ReturnParameter)}{Words(method)}",
            PropertyInfo property => $"{owner}.{property.Name}{Index(property)} {{ {Accessors(property)} }} -> {TypeNames.Of(property)}{Words(property.GetAccessors(nonPublic: true).First(IsVisible))}",
            EventInfo @event => $"{owner}.{@event.Name} -> {TypeNames.Of(@event.EventHandlerType!)} [event]",
            FieldInfo { IsLiteral: true } field => $"{owner}.{field.Name} = {Value(field.GetRawConstantValue())} -> {TypeNames.Of(field.FieldType)}",
            FieldInfo field => $"{owner}.{field.Name} -> {TypeNames.Of(field)}{(field.IsStatic ? " [static]" : null)}{(field.IsInitOnly ? " [readonly]" : null)}",
            _ => throw new ArgumentOutOfRangeException(nameof(member), member, "A member of a kind this does not know."),
        };
    }

    private static string Words(MethodBase method) => (method.IsStatic ? " [static]" : null)
        + (method.IsFamily || method.IsFamilyOrAssembly ? " [protected]" : null)
        + (method.DeclaringType!.IsInterface || !method.IsVirtual || method.IsFinal ? null : method.IsAbstract ? " [abstract]" : " [virtual]");

    private static string TypeParameters(MethodInfo method)
        => method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>" : string.Empty;

    private static string Parameters(MethodBase method) => $"({string.Join(", ", method.GetParameters().Select(Parameter))})";

    private static string Index(PropertyInfo property)
        => property.GetIndexParameters() is { Length: > 0 } index ? $"[{string.Join(", ", index.Select(Parameter))}]" : string.Empty;

    private static string Parameter(ParameterInfo parameter)
    {
        var words = (parameter.IsDefined(typeof(ExtensionAttribute)) || (parameter.Position == 0 && parameter.Member.IsDefined(typeof(ExtensionAttribute))) ? "this " : null)
            + (parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : null)
            + (!parameter.ParameterType.IsByRef ? null : parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ");
        return $"{words}{TypeNames.Of(parameter)} {parameter.Name}{(parameter.HasDefaultValue ? $" = {Value(parameter.RawDefaultValue)}" : null)}";
    }

    private static string Accessors(PropertyInfo property)
    {
        var accessors = new List<string>();
        if (property.GetMethod is { } get && IsVisible(get))
        {
            accessors.Add("get;");
        }

        if (property.SetMethod is { } set && IsVisible(set))
        {
            var isInit = set.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));
            accessors.Add((property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : null) + (isInit ? "init;" : "set;"));
        }

        return string.Join(' ', accessors);
    }

    private static string Value(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        bool truth => truth ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
