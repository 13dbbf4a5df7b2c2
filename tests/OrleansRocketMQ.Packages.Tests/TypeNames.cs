using System.Reflection;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>Types as C# writes them, with a question mark where null is allowed.</summary>
internal static class TypeNames
{
    private static readonly NullabilityInfoContext Nullability = new();

    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(char)] = "char",
        [typeof(byte)] = "byte", [typeof(sbyte)] = "sbyte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int", [typeof(uint)] = "uint",
        [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(float)] = "float", [typeof(double)] = "double", [typeof(decimal)] = "decimal",
    };

    public static string Of(ParameterInfo parameter) => Read(() => Of(parameter.ParameterType, Nullability.Create(parameter)));

    public static string Of(PropertyInfo property) => Read(() => Of(property.PropertyType, Nullability.Create(property)));

    public static string Of(FieldInfo field) => Read(() => Of(field.FieldType, Nullability.Create(field)));

    public static string Of(Type type, NullabilityInfo? nullability = null)
    {
        if (type.IsByRef)
        {
            return Of(type.GetElementType()!, nullability);
        }

        var mark = !type.IsValueType && nullability is { ReadState: NullabilityState.Nullable } or { WriteState: NullabilityState.Nullable } && !type.IsValueType ? "?" : null;
        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return $"{Of(value)}?";
        }

        if (type.IsArray)
        {
            return $"{Of(type.GetElementType()!, nullability?.ElementType)}[{new string(',', type.GetArrayRank() - 1)}]{mark}";
        }

        if (type.IsGenericParameter || Keywords.ContainsKey(type))
        {
            return Keywords.GetValueOrDefault(type, type.Name) + mark;
        }

        // A nested type has the arguments of those around it as well; they are written with the innermost.
        var name = type.IsNested ? $"{Of(type.DeclaringType!).Split('<')[0]}.{type.Name.Split('`')[0]}" : $"{NamespaceOf(type)}{type.Name.Split('`')[0]}";
        var arguments = type.GetGenericArguments();
        return arguments.Length == 0
            ? name + mark
            : $"{name}<{string.Join(", ", arguments.Select((argument, index) => Of(argument, nullability?.GenericTypeArguments.ElementAtOrDefault(index))))}>{mark}";
    }

    // Names of the framework are short: which Task is meant is clear without its namespace.
    private static string NamespaceOf(Type type)
        => type.Namespace is null || type.Namespace == "System" || type.Namespace.StartsWith("System.", StringComparison.Ordinal) ? string.Empty : $"{type.Namespace}.";

    // The context keeps what it has read and is not made for several threads.
    private static string Read(Func<string> read)
    {
        lock (Nullability)
        {
            return read();
        }
    }
}
