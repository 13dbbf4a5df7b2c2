namespace OrleansRocketMQ.Dispatch;

/// <summary>The interfaces by which listener classes say what they get.</summary>
internal static class TypedInterfaces
{
    /// <summary>The types for which a class implements an interface such as <see cref="IConcurrentListener{T}"/>.</summary>
    /// <param name="listener">The class.</param>
    /// <param name="definition">The interface without its type.</param>
    public static IEnumerable<Type> TypesOf(Type listener, Type definition) => listener.GetInterfaces()
        .Where(type => type.IsGenericType && type.GetGenericTypeDefinition() == definition)
        .Select(type => type.GenericTypeArguments[0]);

    /// <summary>All types a listener class gets; none for one that gets messages as they came.</summary>
    public static Type[] TypesOf(Type listener) =>
    [
        .. TypesOf(listener, typeof(IConcurrentListener<>))
            .Concat(TypesOf(listener, typeof(IOrderlyListener<>)))
            .Concat(TypesOf(listener, typeof(IKeyOrderedListener<>))),
    ];
}
