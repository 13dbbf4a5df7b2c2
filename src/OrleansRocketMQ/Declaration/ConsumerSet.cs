using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Effects;
using OrleansRocketMQ.Engine.Options;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// The consumers of this silo, put together from four places: attributes on listener classes, then code, then
/// configuration, then the environment's variables, the later overriding the earlier. Checked when the silo is built.
/// </summary>
internal sealed partial class ConsumerSet : IConfigurationValidator
{
    private static readonly string[] Sections = ["Topics", nameof(ConsumerOptions.QueuesByMember), nameof(ConsumerOptions.ErrorRules)];

    private readonly ListenerClasses _listeners;
    private readonly AllocateStrategies _strategies;
    private readonly RocketMQOptions _options;
    private readonly ILocalSiloDetails _silo;
    private readonly EnvironmentVariables _environment;
    private readonly Lazy<IReadOnlyList<ConsumerOptions>> _all;

    public ConsumerSet(
        IEnumerable<ConsumerDeclaration> declarations,
        IEnumerable<ConsumerDefaults> defaults,
        ListenerClasses listeners,
        AllocateStrategies strategies,
        IOptions<RocketMQOptions> options,
        ILocalSiloDetails silo,
        EnvironmentVariables environment,
        IConfiguration? configuration = null)
    {
        _silo = silo;
        _listeners = listeners;
        _strategies = strategies;
        _environment = environment;
        _options = options.Value;
        _all = new(() => Build(declarations, [.. defaults], configuration?.GetSection(RocketMQOptions.SectionName)));
    }

    public IReadOnlyList<ConsumerOptions> All => _all.Value;

    /// <exception cref="RocketMQConfigurationException">A setting is wrong; the error names it.</exception>
    public void ValidateConfiguration()
    {
        OptionsValidation.Check(_options);
        ClientSettings.Check(_options);
        foreach (var consumer in All)
        {
            _environment.Check(consumer);
            ConsumerOptionsValidation.CheckDerivedNames(consumer, _options.Namespace);
            if (consumer.NameServer is null)
            {
                ConsumerOptionsValidation.CheckNameServer(_options.NameServer, RocketMQOptions.SectionName);
            }

            if (consumer.Listener is not null)
            {
                _listeners.Resolve(consumer.Group, consumer.Listener);
                TypedListeners.RoutesOf(consumer, _listeners.ClassOf(consumer.Group, consumer.Listener));
                CheckOrderOfEffects(consumer, _listeners.ClassOf(consumer.Group, consumer.Listener));
            }

            _strategies.Resolve(consumer);
            if (consumer.MessageModel == MessageModel.Broadcasting)
            {
                CheckCanBroadcast(consumer);
            }
        }
    }

    /// <summary>What is parked comes behind what came later, and would be taken for known.</summary>
    private static void CheckOrderOfEffects(ConsumerOptions consumer, Type listener)
    {
        if (consumer.PoisonHandling == PoisonHandling.Park && typeof(IKeepsEffectsByQueue).IsAssignableFrom(listener))
        {
            throw new RocketMQConfigurationException(
                $"{RocketMQOptions.SectionName}:Consumers:{consumer.Group}:{nameof(consumer.PoisonHandling)}",
                consumer.PoisonHandling,
                $"{PoisonHandling.Block}, as {listener.FullName} knows a message by its place in the queue");
        }
    }

    /// <summary>
    /// A member that gets everything must have its listeners itself, and be known again after a restart, or it would not
    /// find how far it was.
    /// </summary>
    private void CheckCanBroadcast(ConsumerOptions consumer)
    {
        if (consumer.Listener is not null)
        {
            _listeners.CheckCanBroadcast(consumer.Group, consumer.Listener);
        }

        if (RandomSiloName().IsMatch(_silo.Name))
        {
            throw new RocketMQConfigurationException(
                "Orleans:Name",
                _silo.Name,
                $"a name for the silo that stays the same from start to start, because group '{consumer.Group}' is broadcasting");
        }
    }

    // What Orleans calls a silo that was given no name.
    [GeneratedRegex("^Silo_[0-9a-f]{5}$")]
    private static partial Regex RandomSiloName();

    private List<ConsumerOptions> Build(
        IEnumerable<ConsumerDeclaration> declarations,
        ConsumerDefaults[] defaults,
        IConfigurationSection? section)
    {
        var byGroup = new Dictionary<string, ConsumerOptions>(StringComparer.Ordinal);
        ApplyAttributes(Of);
        ApplyDeclarations(declarations, Of);
        ApplySection(section, Of);
        foreach (var consumer in byGroup.Values)
        {
            _environment.Apply(consumer);
            if (consumer.Listener is { } listener && HandlerListeners.KindOf(listener) is not null)
            {
                consumer.Listener = HandlerListeners.Of(consumer.HandlerMode);
            }
        }

        return [.. byGroup.Values];

        ConsumerOptions Of(string group)
        {
            if (!byGroup.TryGetValue(group, out var consumer))
            {
                byGroup[group] = consumer = new ConsumerOptions { Group = group };
                foreach (var start in defaults)
                {
                    start.Apply(consumer);
                }
            }

            return consumer;
        }
    }

    private void ApplyAttributes(Func<string, ConsumerOptions> of)
    {
        var byAttribute = new DeclaredSelectors($"[{nameof(RocketMQListenerAttribute)}]");
        foreach (var listener in _listeners.All)
        {
            foreach (var attribute in listener.GetCustomAttributes<RocketMQListenerAttribute>())
            {
                var selector = SelectorOf($"[{nameof(RocketMQListenerAttribute)}] on {listener}", attribute.Tags, attribute.Sql);
                byAttribute.Add(attribute.Group, attribute.Topic, selector);
                var consumer = of(attribute.Group);
                if (consumer.Listener is not null && consumer.Listener != listener)
                {
                    throw new RocketMQConfigurationException(
                        $"[{nameof(RocketMQListenerAttribute)}] on {listener}",
                        attribute.Group,
                        $"a group of its own; {consumer.Listener} consumes for this one");
                }

                consumer.Listener = listener;
                Subscribe(consumer, attribute.Topic, selector);
            }
        }
    }

    private static void ApplyDeclarations(IEnumerable<ConsumerDeclaration> declarations, Func<string, ConsumerOptions> of)
    {
        // One builder of a group: what two declarations say of it must not contradict each other either.
        var builders = new Dictionary<string, ConsumerBuilder>(StringComparer.Ordinal);
        foreach (var declaration in declarations)
        {
            if (!builders.TryGetValue(declaration.Group, out var builder))
            {
                builders[declaration.Group] = builder = new ConsumerBuilder(of(declaration.Group));
            }

            declaration.Apply(builder);
        }
    }

    private static void ApplySection(IConfigurationSection? section, Func<string, ConsumerOptions> of)
    {
        foreach (var child in section?.GetSection("Consumers").GetChildren() ?? [])
        {
            var consumer = of(child.Key);
            SettingsBinder.Bind(child, consumer, isElsewhere: name => Sections.Contains(name, StringComparer.OrdinalIgnoreCase));
            foreach (var topic in child.GetSection("Topics").GetChildren())
            {
                Subscribe(consumer, topic.Key, SelectorOf(topic.Path, topic["Tags"] ?? topic.Value, topic["Sql"]));
            }

            foreach (var item in child.GetSection(nameof(ConsumerOptions.ErrorRules)).GetChildren())
            {
                var rule = new ErrorRule();
                SettingsBinder.Bind(item, rule, isElsewhere: static _ => false);
                consumer.ErrorRules.Add(rule);
            }

            foreach (var member in child.GetSection(nameof(ConsumerOptions.QueuesByMember)).GetChildren())
            {
                consumer.QueuesByMember[member.Key] = QueueList.Parse(member.Path, member.Value);
            }
        }
    }

    private static void Subscribe(ConsumerOptions consumer, string topic, MessageSelector selector)
        => consumer.Subscriptions[topic] = selector;

    private static MessageSelector SelectorOf(string where, string? tags, string? sql)
    {
        try
        {
            return (tags, sql) switch
            {
                (not null, not null) => throw new RocketMQConfigurationException(
                    where, $"{tags} and {sql}", "either tags or a SQL92 condition"),
                (_, not null) => MessageSelector.BySql(sql),
                _ => MessageSelector.ByTag(tags),
            };
        }
        catch (RocketMQValidationException exception) when (exception is not RocketMQConfigurationException)
        {
            throw new RocketMQConfigurationException(where, exception.Value, exception.Expected);
        }
    }
}

/// <summary>What code says about all consumers, before anything is said about one of them.</summary>
internal sealed record ConsumerDefaults(Action<ConsumerOptions> Apply);

/// <summary>What code says about a consumer.</summary>
internal sealed record ConsumerDeclaration(string Group, Action<ConsumerBuilder> Apply);
