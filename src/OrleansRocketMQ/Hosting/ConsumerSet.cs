using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// The consumers of this silo, put together from four places: attributes on listener classes, then code, then
/// configuration, then the environment's variables, the later overriding the earlier. Checked when the silo is built.
/// </summary>
internal sealed class ConsumerSet : IConfigurationValidator
{
    private readonly ListenerClasses _listeners;
    private readonly RocketMQOptions _options;
    private readonly EnvironmentVariables _environment;
    private readonly Lazy<IReadOnlyList<ConsumerOptions>> _all;

    public ConsumerSet(
        IEnumerable<ConsumerDeclaration> declarations,
        ListenerClasses listeners,
        IOptions<RocketMQOptions> options,
        EnvironmentVariables environment,
        IConfiguration? configuration = null)
    {
        _listeners = listeners;
        _environment = environment;
        _options = options.Value;
        _all = new(() => Build(declarations, configuration?.GetSection(RocketMQOptions.SectionName)));
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
            if (consumer.NameServer is null)
            {
                OptionsValidation.CheckNameServer(_options.NameServer, RocketMQOptions.SectionName);
            }

            _listeners.Resolve(consumer.Group, consumer.Listener!);
        }
    }

    private List<ConsumerOptions> Build(IEnumerable<ConsumerDeclaration> declarations, IConfigurationSection? section)
    {
        var byGroup = new Dictionary<string, ConsumerOptions>(StringComparer.Ordinal);
        foreach (var listener in _listeners.All)
        {
            foreach (var attribute in listener.GetCustomAttributes<RocketMQListenerAttribute>())
            {
                var consumer = Of(attribute.Group);
                if (consumer.Listener is not null && consumer.Listener != listener)
                {
                    throw new RocketMQConfigurationException(
                        $"[{nameof(RocketMQListenerAttribute)}] on {listener}", attribute.Group, $"a group of its own; {consumer.Listener} consumes for this one");
                }

                consumer.Listener = listener;
                Subscribe(consumer, attribute.Topic, SelectorOf($"[{nameof(RocketMQListenerAttribute)}] on {listener}", attribute.Tags, attribute.Sql));
            }
        }

        foreach (var declaration in declarations)
        {
            declaration.Apply(Of(declaration.Group));
        }

        foreach (var child in section?.GetSection("Consumers").GetChildren() ?? [])
        {
            var consumer = Of(child.Key);
            SettingsBinder.Bind(child, consumer, isElsewhere: name => string.Equals(name, "Topics", StringComparison.OrdinalIgnoreCase));
            foreach (var topic in child.GetSection("Topics").GetChildren())
            {
                Subscribe(consumer, topic.Key, SelectorOf(topic.Path, topic["Tags"] ?? topic.Value, topic["Sql"]));
            }
        }

        foreach (var consumer in byGroup.Values)
        {
            _environment.Apply(consumer);
        }

        return [.. byGroup.Values];

        ConsumerOptions Of(string group)
        {
            if (!byGroup.TryGetValue(group, out var consumer))
            {
                byGroup[group] = consumer = new ConsumerOptions { Group = group };
            }

            return consumer;
        }
    }

    private static void Subscribe(ConsumerOptions consumer, string topic, MessageSelector selector) => consumer.Subscriptions[topic] = selector;

    private static MessageSelector SelectorOf(string where, string? tags, string? sql)
    {
        try
        {
            return (tags, sql) switch
            {
                (not null, not null) => throw new RocketMQConfigurationException(where, $"{tags} and {sql}", "either tags or a SQL92 condition"),
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

/// <summary>What code says about a consumer.</summary>
internal sealed record ConsumerDeclaration(string Group, Action<ConsumerOptions> Apply);
