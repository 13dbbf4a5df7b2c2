using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Connectivity;

/// <inheritdoc cref="IRocketMQConnectivity"/>
internal sealed class RocketMQConnectivity(
    ConsumerSet consumers,
    IOptions<RocketMQOptions> options,
    TimeProvider time) : IRocketMQConnectivity
{
    public async Task<IReadOnlyList<ConnectivityFinding>> CheckAsync(CancellationToken cancellationToken = default)
    {
        var findings = new List<ConnectivityFinding>();
        var clusters = consumers.All.GroupBy(
            consumer => string.Join(';', RocketMQClientOptions.ParseAddresses(consumer.NameServer ?? options.Value.NameServer)),
            StringComparer.Ordinal);
        foreach (var cluster in clusters)
        {
            // Never started: it keeps no routes, sends no heartbeats and so joins no group.
            await using var client = new RocketMQClient(
                new RocketMQClientOptions
                {
                    NameServerAddresses = RocketMQClientOptions.ParseAddresses(cluster.Key),
                    ClientId = $"check@{Environment.ProcessId}",
                    Remoting = ClientSettings.RemotingOf(options.Value),
                    VipChannel = options.Value.VipChannel,
                },
                NullLoggerFactory.Instance,
                time);
            await new ClusterCheck(client, [.. cluster], findings, cancellationToken).RunAsync().ConfigureAwait(false);
        }

        return findings;
    }

    /// <summary>One cluster of name servers and brokers.</summary>
    private sealed class ClusterCheck(
        RocketMQClient client,
        IReadOnlyList<ConsumerOptions> consumers,
        List<ConnectivityFinding> findings,
        CancellationToken cancellationToken)
    {
        private readonly Dictionary<string, TopicRoute> _routes = new(StringComparer.Ordinal);
        private readonly HashSet<string> _silent = new(StringComparer.Ordinal);

        public async Task RunAsync()
        {
            var answers = await Task.WhenAll(client.NameServer.Addresses.Select(CheckNameServerAsync)).ConfigureAwait(false);
            findings.AddRange(answers);
            if (!answers.Any(answer => answer.IsOk))
            {
                return;
            }

            foreach (var topic in consumers.SelectMany(consumer => consumer.Subscriptions.Keys).Distinct(StringComparer.Ordinal))
            {
                findings.Add(await CheckTopicAsync(topic).ConfigureAwait(false));
            }

            findings.AddRange(await Task.WhenAll(_routes.Values
                .SelectMany(route => route.Data.BrokerDatas
                    .SelectMany(broker => broker.BrokerAddrs.Values.Select(address => (route, broker.BrokerName, address))))
                .DistinctBy(one => one.address)
                .Select(one => CheckBrokerAsync(one.route, one.BrokerName, one.address))).ConfigureAwait(false));

            foreach (var consumer in consumers)
            {
                foreach (var (topic, selector) in consumer.Subscriptions)
                {
                    await CheckAccessAsync(consumer.Group, topic, selector).ConfigureAwait(false);
                }

                await CheckDeadLettersAsync(consumer.Group).ConfigureAwait(false);
            }
        }

        private async Task<ConnectivityFinding> CheckNameServerAsync(string address)
        {
            try
            {
                var nameServer = new NameServerClient(client.Remoting, [address], NullLogger.Instance);
                var known = await nameServer.GetClusterInfoAsync(cancellationToken).ConfigureAwait(false);
                var brokers = string.Join(", ", known.BrokerAddrTable.Keys.Order(StringComparer.Ordinal));
                return Ok(
                    ConnectivitySubject.NameServer,
                    $"name server {address} knows {(brokers.Length > 0 ? $"the broker {brokers}" : "no broker yet")}");
            }
            catch (NameServerException exception)
            {
                return Failed(
                    ConnectivitySubject.NameServer,
                    $"name server {address} does not answer: {exception.InnerException?.Message ?? exception.Message}",
                    "Does it run, is RocketMQ:NameServer right, and does the network let this host reach it?");
            }
        }

        private async Task<ConnectivityFinding> CheckTopicAsync(string topic)
        {
            try
            {
                var route = TopicRoute.From(topic, await client.NameServer.GetRouteAsync(topic, cancellationToken).ConfigureAwait(false));
                if (route.ReadQueues.Count == 0)
                {
                    return Failed(
                        ConnectivitySubject.Topic,
                        $"topic {topic} has no queue that may be read",
                        "Look at its permission: mqadmin updateTopicPerm.");
                }

                _routes[topic] = route;
                var brokers = BrokersOf(route);
                return Ok(
                    ConnectivitySubject.Topic,
                    $"topic {topic} has {route.ReadQueues.Count} queues on {string.Join(", ", brokers)}");
            }
            catch (TopicNotFoundException)
            {
                return Failed(
                    ConnectivitySubject.Topic,
                    $"topic {topic} does not exist",
                    "Make it (mqadmin updateTopic), or look at how it is written; consumers pick it up once it is there.");
            }
            catch (RocketMQException exception)
            {
                return Failed(
                    ConnectivitySubject.Topic,
                    $"the route of topic {topic} cannot be read: {exception.Message}",
                    "Look at the name servers.");
            }
        }

        private async Task<ConnectivityFinding> CheckBrokerAsync(TopicRoute route, string name, string address)
        {
            try
            {
                await client.Brokers.GetMaxOffsetAsync(address, QueueOn(route, name), cancellationToken).ConfigureAwait(false);
            }
            catch (BrokerResponseException)
            {
                // It answers; what it permits is asked below.
            }
            catch (RocketMQException exception)
            {
                lock (_silent)
                {
                    _silent.Add(address);
                }

                return Failed(
                    ConnectivitySubject.Broker,
                    $"broker {name} at {address} does not answer: {exception.Message}",
                    "Does it run, and does the address it is registered with (brokerIP1) lead there from this host?");
            }

            return Ok(ConnectivitySubject.Broker, $"broker {name} at {address} answers");
        }

        private async Task CheckAccessAsync(string group, string topic, MessageSelector selector)
        {
            if (!_routes.TryGetValue(topic, out var route))
            {
                return;
            }

            foreach (var broker in BrokersOf(route))
            {
                if (MasterOf(route, broker) is { } address && !_silent.Contains(address))
                {
                    findings.Add(await CheckAccessAsync(group, QueueOn(route, broker), selector, broker, address).ConfigureAwait(false));
                }
            }
        }

        private async Task<ConnectivityFinding> CheckAccessAsync(
            string group, MessageQueue queue, MessageSelector selector, string broker, string address)
        {
            try
            {
                if (selector.Type == ExpressionType.Sql92)
                {
                    // A pull with an expression that cannot be read brings nothing and no error.
                    var subscription = SubscriptionData.From(queue.Topic, selector, 0);
                    var check = new CheckClientRequest { ClientId = client.ClientId, Group = group, SubscriptionData = subscription };
                    await client.Brokers.CheckClientConfigAsync(address, check, cancellationToken).ConfigureAwait(false);
                }

                await client.Brokers.CheckPullAsync(address, group, queue, cancellationToken).ConfigureAwait(false);
                return Ok(
                    ConnectivitySubject.Access,
                    $"group {group} may read topic {queue.Topic} ({selector}) at broker {broker}");
            }
            catch (BrokerResponseException exception)
            {
                return Failed(
                    ConnectivitySubject.Access,
                    $"broker {broker} does not let group {group} read topic {queue.Topic}: {exception.Message}",
                    AdviceOn(exception));
            }
            catch (RocketMQException exception)
            {
                return Failed(
                    ConnectivitySubject.Broker,
                    $"broker {broker} at {address} did not answer group {group}: {exception.Message}",
                    "Is it up?");
            }
        }

        /// <summary>Says something only where dead letters may not be read: there need not be any yet.</summary>
        private async Task CheckDeadLettersAsync(string group)
        {
            try
            {
                var topic = SystemTopics.DeadLetter(group);
                var route = await client.NameServer.GetRouteAsync(topic, cancellationToken).ConfigureAwait(false);
                findings.AddRange(route.QueueDatas.Where(queues => !queues.IsReadable).Select(queues => Failed(
                    ConnectivitySubject.Access,
                    $"the dead letters of group {group} may not be read: "
                        + $"topic {topic} has permission {queues.Perm} at broker {queues.BrokerName}",
                    $"mqadmin updateTopicPerm -t '{topic}' -p {queues.Perm | QueueData.ReadPermission} "
                        + "lets them be listed and sent again; consuming does not need it.")));
            }
            catch (RocketMQException)
            {
                // No such topic: nothing has died yet. What is wrong with the name servers has been told.
            }
        }

        private static string AdviceOn(BrokerResponseException refusal) => refusal.ResponseCode switch
        {
            ResponseCodes.SubscriptionGroupNotExist
                => "Make the group (mqadmin updateSubGroup), or have the broker make groups by itself (autoCreateSubscriptionGroup).",
            ResponseCodes.SubscriptionParseFailed
                => "Look at the subscription's expression; SQL92 needs enablePropertyFilter=true at the broker.",
            _ => "Look at RocketMQ:AccessKey and RocketMQ:SecretKey, "
                + "and at what the broker's access rules give this account (SUB on topic and group).",
        };

        private static IEnumerable<string> BrokersOf(TopicRoute route)
            => route.ReadQueues.Select(route.BrokerOf).OfType<string>().Distinct(StringComparer.Ordinal);

        private static string? MasterOf(TopicRoute route, string broker)
        {
            var found = route.Data.BrokerDatas.FirstOrDefault(data => data.BrokerName == broker);
            return found?.BrokerAddrs.GetValueOrDefault(BrokerData.MasterId);
        }

        private static MessageQueue QueueOn(TopicRoute route, string broker)
            => route.ReadQueues.FirstOrDefault(queue => route.BrokerOf(queue) == broker) ?? new MessageQueue(route.Topic, broker, 0);

        private static ConnectivityFinding Ok(ConnectivitySubject subject, string text) => new(subject, IsOk: true, text);

        private static ConnectivityFinding Failed(ConnectivitySubject subject, string text, string advice)
            => new(subject, IsOk: false, $"{text.TrimEnd('.')}. {advice}");
    }
}
