using System.Reflection;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What the compiler calls a type or a member in documentation files.</summary>
internal static class DocumentationId
{
    public static string Of(MemberInfo member) => member switch
    {
        Type type => $"T:{NameOf(type)}",
        FieldInfo => $"F:{Prefix(member)}",
        EventInfo => $"E:{Prefix(member)}",
        PropertyInfo property => $"P:{Prefix(member)}{Parameters(property.GetIndexParameters())}",
        ConstructorInfo constructor => $"M:{NameOf(member.DeclaringType!)}.#ctor{Parameters(constructor.GetParameters())}",
        MethodInfo method => $"M:{Prefix(member)}{Arity(method)}{Parameters(method.GetParameters())}{Conversion(method)}",
        _ => throw new ArgumentOutOfRangeException(nameof(member), member, "A member of a kind this does not know."),
    };

    private static string Prefix(MemberInfo member) => $"{NameOf(member.DeclaringType!)}.{member.Name.Replace('.', '#')}";

    private static string NameOf(Type type) => (type.IsGenericType ? type.GetGenericTypeDefinition() : type).FullName!.Replace('+', '.');

    private static string Arity(MethodInfo method) => method.IsGenericMethod ? $"``{method.GetGenericArguments().Length}" : string.Empty;

    private static string Conversion(MethodInfo method) => method.Name is "op_Implicit" or "op_Explicit" ? $"~{Parameter(method.ReturnType)}" : string.Empty;

    private static string Parameters(ParameterInfo[] parameters)
        => parameters.Length == 0 ? string.Empty : $"({string.Join(',', parameters.Select(parameter => Parameter(parameter.ParameterType)))})";

    private static string Parameter(Type type)
    {
        if (type.IsByRef)
        {
            return Parameter(type.GetElementType()!) + "@";
        }

        if (type.IsArray)
        {
            return Parameter(type.GetElementType()!) + (type.GetArrayRank() == 1 ? "[]" : $"[{string.Join(',', Enumerable.Repeat("0:", type.GetArrayRank()))}]");
        }

        if (type.IsGenericParameter)
        {
            return (type.DeclaringMethod is null ? "`" : "``") + type.GenericParameterPosition;
        }

        return type.IsGenericType
            ? $"{NameOf(type).Split('`')[0]}{{{string.Join(',', type.GetGenericArguments().Select(Parameter))}}}"
            : NameOf(type);
    }
}
