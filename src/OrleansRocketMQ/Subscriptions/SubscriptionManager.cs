using System.Collections.Immutable;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// The subscriptions of a group as this silo knows them. Wishes go to the group's coordinator; what it decides comes back
/// through <see cref="Apply"/>, as do decisions other silos asked for.
/// </summary>
internal sealed class SubscriptionManager : ISubscriptionManager
{
    private readonly Lock _gate = new();
    private readonly SubscriptionRegistry _registry = new();
    private readonly ConsumerOptions _options;
    private readonly TimeProvider _time;
    private long _changes;
    private long _conflicts;
    private long _refused;
    private long _applied;

    public SubscriptionManager(ConsumerOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
        var version = time.GetUtcNow().ToUnixTimeMilliseconds();
        Declared =
            [.. options.Subscriptions.Select(pair => new SubscriptionInfo { Topic = pair.Key, Selector = pair.Value, Version = version })];
        _registry.Declare(Declared);
    }

    /// <summary>Raised after a decision has changed what holds. Comes on any thread, and must only be taken note of.</summary>
    public event Action? Changed;

    /// <summary>What code and configuration say.</summary>
    public ImmutableArray<SubscriptionInfo> Declared { get; }

    /// <summary>Where wishes go; null before the silo is active and when it stops.</summary>
    public Func<SubscriptionChange, CancellationToken, Task<SubscriptionOutcome>>? Coordinator { get; set; }

    /// <summary>The client of the consumer while it runs.</summary>
    public RocketMQClient? Client { get; set; }

    public int Count => _registry.Current.Count;

    public SubscriptionMetrics Metrics
    {
        get
        {
            var current = _registry.Current;
            return new SubscriptionMetrics
            {
                Count = current.Count,
                Active = current.Values.Count(subscription => subscription.IsActive),
                Changes = Interlocked.Read(ref _changes),
                Conflicts = Interlocked.Read(ref _conflicts),
                Refused = Interlocked.Read(ref _refused),
                Applied = Interlocked.Read(ref _applied),
            };
        }
    }

    /// <summary>What was decided at run time, as far as this silo knows.</summary>
    public ImmutableArray<SubscriptionDecision> Decisions
    {
        get
        {
            lock (_gate)
            {
                return _registry.Decisions;
            }
        }
    }

    /// <summary>What is to be consumed now.</summary>
    public IEnumerable<WantedSubscription> Active => _registry.Current.Values
        .Where(subscription => subscription.IsActive)
        .Select(subscription => new WantedSubscription(subscription.Topic, subscription.Selector, subscription.Version));

    public IReadOnlyList<SubscriptionInfo> List() => [.. _registry.Current.Values];

    public SubscriptionInfo? Find(string topic) => _registry.Current.GetValueOrDefault(topic);

    public SubscriptionInfo Get(string topic) => Find(topic) ?? throw new NotSubscribedException(topic, _options.Group);

    public bool IsSubscribed(string topic) => _registry.Current.ContainsKey(topic);

    /// <summary>Takes decisions over.</summary>
    public void Apply(IEnumerable<SubscriptionDecision> decisions)
    {
        lock (_gate)
        {
            if (!_registry.Merge(decisions))
            {
                return;
            }
        }

        Interlocked.Increment(ref _applied);
        Changed?.Invoke();
    }

    public Task SubscribeAsync(string topic, MessageSelector? selector = null, CancellationToken cancellationToken = default)
        => ChangeAsync(SubscriptionChangeKind.Subscribe, [Item(topic, selector)], cancellationToken);

    public Task UnsubscribeAsync(string topic, CancellationToken cancellationToken = default)
        => ChangeAsync(SubscriptionChangeKind.Unsubscribe, [Item(topic)], cancellationToken);

    public Task UpdateSelectorAsync(string topic, MessageSelector selector, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return ChangeAsync(SubscriptionChangeKind.UpdateSelector, [Item(topic, selector)], cancellationToken);
    }

    public Task ActivateAsync(string topic, CancellationToken cancellationToken = default)
        => ChangeAsync(SubscriptionChangeKind.Activate, [Item(topic)], cancellationToken);

    public Task DeactivateAsync(string topic, CancellationToken cancellationToken = default)
        => ChangeAsync(SubscriptionChangeKind.Deactivate, [Item(topic)], cancellationToken);

    public Task ClearAsync(CancellationToken cancellationToken = default)
        => ChangeAsync(SubscriptionChangeKind.Clear, [], cancellationToken);

    public string Export() => SubscriptionJson.Write(_options.Group, _registry.Current.Values);

    public Task ImportAsync(string json, bool replace = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(json);
        var kind = replace ? SubscriptionChangeKind.Replace : SubscriptionChangeKind.Import;
        return ChangeAsync(kind, [.. SubscriptionJson.Read(json)], cancellationToken);
    }

    public async Task ValidateAsync(string topic, MessageSelector? selector = null, CancellationToken cancellationToken = default)
    {
        CheckTopic(topic);
        if (selector is { Type: ExpressionType.Sql92 } && Client is { } client && AddressOf(client, topic) is { } address)
        {
            try
            {
                var data = SubscriptionData.From(topic, selector, _time.GetUtcNow().ToUnixTimeMilliseconds());
                await client.Brokers.CheckClientConfigAsync(
                    address,
                    new CheckClientRequest { ClientId = client.ClientId, Group = _options.Group, SubscriptionData = data },
                    cancellationToken).ConfigureAwait(false);
            }
            catch (BrokerResponseException exception)
            {
                throw new InvalidSelectorException(topic, $"the broker refuses the selector {selector}: {exception.Remark}", exception);
            }
            catch (RocketMQException)
            {
                // Nobody to ask just now. It is asked again before queues start; until then nothing is consumed by it.
            }
        }
    }

    private static SubscriptionInfo Item(string topic, MessageSelector? selector = null)
        => new() { Topic = topic, Selector = selector ?? MessageSelector.All };

    private static string? AddressOf(RocketMQClient client, string topic)
        => client.Routes.FindAnyBroker(topic)?.Address ?? (client.Routes.Brokers is [var any, ..] ? any.Address : null);

    private void CheckTopic(string topic)
    {
        try
        {
            SystemTopics.CheckTopic(topic);
        }
        catch (RocketMQValidationException exception)
        {
            throw new InvalidTopicException(topic, $"expected {exception.Expected}.", exception);
        }

        if (topic == SystemTopics.Retry(_options.Group))
        {
            throw new InvalidTopicException(topic, "the group's own retry topic is always subscribed to.");
        }
    }

    private async Task ChangeAsync(SubscriptionChangeKind kind, ImmutableArray<SubscriptionInfo> items, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var item in items)
            {
                await ValidateAsync(item.Topic, item.Selector, cancellationToken).ConfigureAwait(false);
            }

            var coordinator = Coordinator ?? throw new ConsumerStateException(
                _options.Group, "not known to the cluster, because the silo is not active", "change its subscriptions");
            var change = new SubscriptionChange(kind, items, _options.MaxSubscriptions);
            var outcome = await coordinator(change, cancellationToken).ConfigureAwait(false);
            if (outcome.Refusal is { } refusal)
            {
                throw Error(refusal);
            }

            Apply(outcome.Decisions);
            Interlocked.Increment(ref _changes);
        }
        catch (SubscriptionConflictException)
        {
            Interlocked.Increment(ref _conflicts);
            throw;
        }
        catch (RocketMQException)
        {
            Interlocked.Increment(ref _refused);
            throw;
        }
    }

    private SubscribeException Error(SubscriptionRefusal refusal) => refusal.Code switch
    {
        RocketMQErrorCode.SubscriptionConflict => new SubscriptionConflictException(refusal.Topic, refusal.Existing, refusal.Asked),
        RocketMQErrorCode.SubscriptionLimitExceeded => new SubscriptionLimitExceededException(refusal.Topic, _options.MaxSubscriptions),
        _ => new NotSubscribedException(refusal.Topic, _options.Group),
    };
}
