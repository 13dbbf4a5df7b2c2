using System.Reflection;
using Orleans.Runtime;

namespace OrleansRocketMQ.Outboxes;

/// <summary>The group and the storage of a grain class, by which its index is found.</summary>
/// <param name="Group">A group whose listener the class is.</param>
/// <param name="Storage">The grain storage its state is in, and the index, too: one is there if the other is.</param>
internal readonly record struct OutboxPlace(string Group, string Storage)
{
    private const string DefaultStorage = "Default";

    /// <summary>The key of the index.</summary>
    public string Key => $"{Group}/{Storage}";

    /// <summary>The place that a key tells.</summary>
    public static OutboxPlace Of(string key) => key.Split('/', 2) is [var group, var storage]
        ? new(group, storage)
        : throw new ArgumentException($"'{key}' is no group and storage.", nameof(key));

    /// <summary>Whether a class keeps messages beside its state.</summary>
    public static bool Has(Type grain) => StateOf(grain) is not null;

    /// <summary>The storage of a class, which the attribute on its constructor's parameter names.</summary>
    public static string StorageOf(Type grain)
        => StateOf(grain)?.GetCustomAttribute<PersistentStateAttribute>()?.StorageName ?? DefaultStorage;

    private static ParameterInfo? StateOf(Type grain) => grain
        .GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
        .SelectMany(constructor => constructor.GetParameters())
        .FirstOrDefault(parameter => parameter.ParameterType is { IsGenericType: true } type
            && type.GetGenericTypeDefinition() == typeof(IPersistentState<>)
            && type.GenericTypeArguments[0] is { IsGenericType: true } state
            && state.GetGenericTypeDefinition() == typeof(MessageDrivenState<>));
}
