using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Concurrency;
using Orleans.Metadata;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Serialization.Configuration;

namespace OrleansRocketMQ.Dispatch;

/// <summary>How a group consumes: decided by the interface its listener implements.</summary>
internal enum ListenerKind
{
    Concurrent,
    Orderly,
    KeyOrdered,
}

/// <summary>The grain class that listens for a group.</summary>
/// <param name="GrainType">The class.</param>
/// <param name="Kind">How it consumes.</param>
/// <param name="IsOne">Whether a grain of it has one activation in the cluster, not several on each silo.</param>
/// <param name="IsShared">Whether other groups have the class, too, without meaning to share its grains.</param>
internal readonly record struct ResolvedListener(GrainType GrainType, ListenerKind Kind, bool IsOne, bool IsShared = false)
{
    /// <summary>Whether it reads messages only until its call has ended.</summary>
    public bool IsLeased { get; init; }

    /// <summary>The key of a grain for a group.</summary>
    public string KeyOf(string group, string key) => IsShared ? $"{group}/{key}" : key;
}

/// <summary>Finds the grain class of a configured listener.</summary>
internal sealed class ListenerClasses(IOptions<TypeManifestOptions> manifest, GrainTypeResolver grainTypes)
{
    private static readonly (Type Interface, Type? Typed, ListenerKind Kind)[] s_kinds =
    [
        (typeof(IConcurrentListener), typeof(IConcurrentListener<>), ListenerKind.Concurrent),
        (typeof(ILeasedListener), null, ListenerKind.Concurrent),
        (typeof(IOrderlyListener), typeof(IOrderlyListener<>), ListenerKind.Orderly),
        (typeof(IKeyOrderedListener), typeof(IKeyOrderedListener<>), ListenerKind.KeyOrdered),
    ];

    // With these a grain may work on two calls at once.
    private static readonly Type[] s_overlapping =
        [typeof(StatelessWorkerAttribute), typeof(ReentrantAttribute), typeof(MayInterleaveAttribute)];

    private static readonly Type[] s_local = [typeof(StatelessWorkerAttribute), typeof(PreferLocalPlacementAttribute)];

    /// <summary>All grain classes of users this silo knows that are listeners.</summary>
    public IEnumerable<Type> All => manifest.Value.InterfaceImplementations.Where(
        type => type is { IsClass: true, IsAbstract: false }
            && !IsOurs(type)
            && HandlerListeners.KindOf(type) is null
            && typeof(IRocketMQListener).IsAssignableFrom(type)
            && typeof(IGrainBase).IsAssignableFrom(type));

    /// <summary>The grain class of a listener given as class or as interface.</summary>
    /// <exception cref="RocketMQConfigurationException">
    /// No class, or more than one, implements the interface; or the class is not of exactly one kind.
    /// </exception>
    public ResolvedListener Resolve(string group, Type listener)
    {
        if (IsOurs(listener))
        {
            return new(grainTypes.GetGrainType(listener), ListenerKind.Concurrent, IsOne: false);
        }

        if (HandlerListeners.KindOf(listener) is { } mode)
        {
            return new(grainTypes.GetGrainType(listener), mode, IsOne: mode != ListenerKind.Concurrent, IsShared: true);
        }

        var found = ClassOf(group, listener);
        if (!typeof(IMessageListener).IsAssignableFrom(found))
        {
            throw Wrong(group, found, $"a class that implements {nameof(IMessageListener)}, too: Orleans knows a grain by its interface");
        }

        if (IsOf(found, ListenerKind.KeyOrdered)
            && s_overlapping.FirstOrDefault(attribute => found.IsDefined(attribute, inherit: true)) is { } overlapping)
        {
            var attribute = overlapping.Name.Replace("Attribute", string.Empty, StringComparison.Ordinal);
            throw Wrong(group, found, $"a class without [{attribute}]: a key's calls would overlap");
        }

        var kinds = s_kinds.Where(kind => IsOf(found, kind)).ToArray();
        if (kinds is [{ } only] && only.Interface.IsAssignableFrom(found) && TypedInterfaces.TypesOf(found).Length > 0)
        {
            throw Wrong(group, found, $"a class that gets messages as they came, or values: {only.Interface.Name} with a type or without");
        }

        if (kinds is [{ Kind: ListenerKind.Orderly }] && found.IsDefined(typeof(StatelessWorkerAttribute), inherit: true))
        {
            throw Wrong(group, found, $"a class without [StatelessWorker]: an {nameof(IOrderlyListener)} has one grain for each queue");
        }

        var isLeased = typeof(ILeasedListener).IsAssignableFrom(found);
        var isOne = !found.IsDefined(typeof(StatelessWorkerAttribute), inherit: true);
        if (isLeased && isOne)
        {
            throw Wrong(group, found, $"a class with [StatelessWorker]: an {nameof(ILeasedListener)} runs where the bytes are");
        }

        return kinds.Length == 1
            ? new(grainTypes.GetGrainType(found), kinds[0].Kind, isOne) { IsLeased = isLeased }
            : throw Wrong(
                group, found, $"a class that implements exactly one of {string.Join(", ", s_kinds.Select(kind => kind.Interface.Name))}");
    }

    /// <summary>Every silo gets every message only if the grains its queues call are on it.</summary>
    /// <exception cref="RocketMQConfigurationException">They may be elsewhere.</exception>
    public void CheckCanBroadcast(string group, Type listener)
    {
        if (IsOurs(listener))
        {
            return;
        }

        var found = ClassOf(group, listener);
        if (IsOf(found, ListenerKind.KeyOrdered))
        {
            throw Wrong(
                group,
                found,
                $"no {nameof(IKeyOrderedListener)} for a broadcasting group: a key has one grain in the cluster, "
                    + "and other silos would hear nothing");
        }

        if (!s_local.Any(attribute => found.IsDefined(attribute, inherit: true)))
        {
            throw Wrong(
                group,
                found,
                "a class with "
                    + (IsOf(found, ListenerKind.Orderly)
                        ? "[PreferLocalPlacement], "
                        : "[StatelessWorker] or [PreferLocalPlacement], ")
                    + "because the group is broadcasting: each silo's messages are for listeners on it");
        }
    }

    /// <summary>The class of a listener given as class or as interface.</summary>
    /// <exception cref="RocketMQConfigurationException">No class, or more than one, implements the interface.</exception>
    public Type ClassOf(string group, Type listener)
    {
        if (IsOurs(listener) || HandlerListeners.KindOf(listener) is not null)
        {
            return listener;
        }

        var classes = All.Where(listener.IsAssignableFrom).ToArray();
        return classes.Contains(listener) ? listener : classes.Length == 1 ? classes[0] : throw NotFound(group, listener, classes);
    }

    private static bool IsOurs(Type listener) => listener == typeof(DelegateListener) || listener == typeof(WarmUpListener);

    private static bool IsOf(Type found, ListenerKind kind) => HandlerListeners.KindOf(found) is { } mode
        ? mode == kind
        : s_kinds.Any(known => known.Kind == kind && IsOf(found, known));

    private static bool IsOf(Type found, (Type Interface, Type? Typed, ListenerKind Kind) known)
        => known.Interface.IsAssignableFrom(found) || (known.Typed is { } typed && TypedInterfaces.TypesOf(found, typed).Any());

    private static RocketMQConfigurationException NotFound(string group, Type listener, Type[] classes) => Wrong(
        group,
        listener,
        classes.Length == 0
            ? "a grain class this silo knows, or an interface that one of them implements"
            : $"one grain class, but it is implemented by {string.Join(", ", classes.Select(type => type.FullName))}");

    private static RocketMQConfigurationException Wrong(string group, Type listener, string expected)
        => new($"RocketMQ:Consumers:{group}:Listener", listener.FullName, expected);
}
