using Microsoft.Extensions.Options;
using OrleansRocketMQ.Allocation.Agreement;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Allocation;

/// <summary>Finds the strategy a group has chosen by name: one of its own first, then RocketMQ's and the specification's.</summary>
internal sealed class AllocateStrategies(
    IEnumerable<IAllocateStrategy> registered,
    IOptions<RocketMQOptions> options,
    IMachineRoomResolver? rooms = null)
{
    private const string NearbyPrefix = $"{NearbyAllocation.BareName}-";

    private static readonly string[] BuiltIn =
    [
        "AVG", "AVG_BY_CIRCLE", "CONFIGURATION", "CONSISTENT_HASH", "HASH", "MACHINE_ROOM", NearbyAllocation.BareName,
    ];

    // The last one registered under a name counts, as with all services.
    private readonly Dictionary<string, IAllocateStrategy> _registered = ByName(registered);

    /// <exception cref="RocketMQConfigurationException">There is none of that name, or what it needs is not set.</exception>
    public IAllocateStrategy Resolve(ConsumerOptions consumer)
    {
        var section = $"{RocketMQOptions.SectionName}:Consumers:{consumer.Group}";
        return Find(consumer.AllocateStrategy, consumer, section)
            ?? throw new RocketMQConfigurationException(
                $"{section}:{nameof(ConsumerOptions.AllocateStrategy)}",
                consumer.AllocateStrategy,
                $"one of {string.Join(", ", BuiltIn.Union(_registered.Keys).Order(StringComparer.Ordinal))}");
    }

    /// <summary>What the group is set to, so that other silos can do the same.</summary>
    public AllocationRule RuleOf(ConsumerOptions consumer)
    {
        var name = Resolve(consumer).Name;
        var rule = new AllocationRule { Strategy = name };
        while (!_registered.ContainsKey(name) && name.StartsWith(NearbyPrefix, StringComparison.OrdinalIgnoreCase))
        {
            name = name[NearbyPrefix.Length..];
            rule = rooms is not null
                ? rule with { ResolverClass = rooms.GetType().FullName! }
                : rule with { Rooms = new Dictionary<string, string>(options.Value.MachineRooms, StringComparer.Ordinal) };
        }

        return _registered.TryGetValue(name, out var own) ? rule with { StrategyClass = own.GetType().FullName! }
            : name.ToUpperInvariant() switch
            {
                "CONFIGURATION" => rule with
                {
                    QueuesByMember = new Dictionary<string, IReadOnlyList<MessageQueue>>(
                        consumer.QueuesByMember, StringComparer.Ordinal),
                },
                "MACHINE_ROOM" => rule with { RoomNames = string.Join(';', RoomNames(consumer, string.Empty)) },
                _ => rule,
            };
    }

    /// <summary>The strategy of a rule that another silo has told; null when this one cannot go by it.</summary>
    public IAllocateStrategy? Resolve(AllocationRule rule, string group)
    {
        var consumer = new ConsumerOptions { Group = group, AllocateStrategy = rule.Strategy, MachineRooms = rule.RoomNames };
        foreach (var (member, queues) in rule.QueuesByMember)
        {
            consumer.QueuesByMember[member] = queues;
        }

        var resolver = rule.ResolverClass.Length > 0 ? rooms : null;
        var there = new AllocateStrategies(_registered.Values, Options.Create(OptionsOf(rule)), resolver);
        try
        {
            // Only what comes to the same fingerprint does the same.
            return there.RuleOf(consumer).Fingerprint == rule.Fingerprint ? there.Resolve(consumer) : null;
        }
        catch (RocketMQConfigurationException)
        {
            return null;
        }
    }

    private static RocketMQOptions OptionsOf(AllocationRule rule)
    {
        var options = new RocketMQOptions();
        foreach (var (room, prefixes) in rule.Rooms)
        {
            options.MachineRooms[room] = prefixes;
        }

        return options;
    }

    private IAllocateStrategy? Find(string name, ConsumerOptions consumer, string section)
    {
        if (_registered.TryGetValue(name, out var own))
        {
            return own;
        }

        if (name.StartsWith(NearbyPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return Find(name[NearbyPrefix.Length..], consumer, section) is { } inner ? new NearbyAllocation(inner, Rooms(section)) : null;
        }

        return name.ToUpperInvariant() switch
        {
            "AVG" => new AverageAllocation(),
            "AVG_BY_CIRCLE" => new CircleAllocation(),
            "CONFIGURATION" or "CONFIG" => Configured(consumer, section),
            "CONSISTENT_HASH" => new ConsistentHashAllocation(),
            "HASH" => new HashAllocation(),
            "MACHINE_ROOM" => new MachineRoomAllocation(RoomNames(consumer, section)),
            NearbyAllocation.BareName => new NearbyAllocation(new AverageAllocation(), Rooms(section)),
            _ => null,
        };
    }

    private IMachineRoomResolver Rooms(string section)
    {
        if (rooms is not null)
        {
            return rooms;
        }

        if (options.Value.MachineRooms.Count == 0)
        {
            throw new RocketMQConfigurationException(
                $"{section}:{nameof(ConsumerOptions.AllocateStrategy)}",
                NearbyAllocation.BareName,
                $"rooms to be known, by {RocketMQOptions.SectionName}:{nameof(RocketMQOptions.MachineRooms)} or UseMachineRooms");
        }

        return new PrefixMachineRooms(options.Value.MachineRooms.ToDictionary(
            room => room.Key, room => (IReadOnlyList<string>)Names(room.Value), StringComparer.Ordinal));
    }

    private static string[] RoomNames(
        ConsumerOptions consumer,
        string section) => Names(consumer.MachineRooms ?? string.Empty) is { Length: > 0 } names
        ? names
        : throw new RocketMQConfigurationException(
            $"{section}:{nameof(ConsumerOptions.MachineRooms)}",
            consumer.MachineRooms,
            "rooms joined by ';', for the strategy MACHINE_ROOM");

    private static ConfiguredAllocation Configured(ConsumerOptions consumer, string section)
    {
        if (consumer.QueuesByMember.Count == 0)
        {
            throw new RocketMQConfigurationException(
                $"{section}:{nameof(ConsumerOptions.QueuesByMember)}",
                "(empty)",
                "the queues of each member, for the strategy CONFIGURATION");
        }

        try
        {
            return new ConfiguredAllocation(consumer.QueuesByMember);
        }
        catch (RocketMQValidationException exception)
        {
            throw new RocketMQConfigurationException($"{section}:{exception.Field}", exception.Value, exception.Expected);
        }
    }

    private static string[] Names(string names) => names.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static Dictionary<string, IAllocateStrategy> ByName(IEnumerable<IAllocateStrategy> registered)
    {
        var byName = new Dictionary<string, IAllocateStrategy>(StringComparer.OrdinalIgnoreCase);
        foreach (var strategy in registered)
        {
            byName[strategy.Name] = strategy;
        }

        return byName;
    }
}
