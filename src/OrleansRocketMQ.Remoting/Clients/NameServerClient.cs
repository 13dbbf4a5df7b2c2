using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Asks the name servers, which all know the same. Stays with one that works and goes on to the next when it fails.
/// Thread-safe. Mirrors the name-server half of <c>MQClientAPIImpl</c>.
/// </summary>
public sealed class NameServerClient
{
    private readonly RemotingClient _remoting;
    private readonly Reachability _reachability;
    private int _current;

    /// <summary>Creates a client for the given name servers.</summary>
    /// <param name="remoting">The connections.</param>
    /// <param name="addresses">The name servers, <c>host:port</c> each.</param>
    /// <param name="logger">Told once when a name server fails and once when it is back.</param>
    /// <param name="timeProvider">The clock of <see cref="Unreachable"/>; null means the system's.</param>
    public NameServerClient(RemotingClient remoting, IReadOnlyList<string> addresses, ILogger logger, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        if (addresses.Count == 0)
        {
            throw new RocketMQConfigurationException("NameServer", null, "at least one address host:port");
        }

        _remoting = remoting;
        Addresses = addresses;
        _reachability = new Reachability("Name server", timeProvider ?? TimeProvider.System, logger);
        // Clients begin at different name servers, so that these share the load.
        _current = Random.Shared.Next(addresses.Count);
    }

    /// <summary>The clock of whoever asks.</summary>
    internal TimeProvider TimeProvider => _remoting.TimeProvider;

    /// <summary>The name servers.</summary>
    public IReadOnlyList<string> Addresses { get; }

    /// <summary>The name servers that did not answer when they were last asked. One that works keeps others from being asked.</summary>
    public IReadOnlyList<UnreachableServer> Unreachable => _reachability.Failing;

    /// <summary>Asks where a topic's queues are.</summary>
    /// <exception cref="TopicNotFoundException">The name server knows no such topic.</exception>
    /// <exception cref="StaticTopicException">The topic's queues are logical ones.</exception>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public async Task<TopicRouteData> GetRouteAsync(string topic, CancellationToken cancellationToken = default)
    {
        // Here, where all routes come from, so that nobody takes logical queues for those of a broker.
        var route = await AskForRouteAsync(topic, cancellationToken).ConfigureAwait(false);
        return route.IsStatic ? throw new StaticTopicException(topic) : route;
    }

    /// <summary>Asks for all brokers of all clusters.</summary>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public Task<ClusterInfo> GetClusterInfoAsync(CancellationToken cancellationToken = default) => AskAsync(
        static () => RemotingCommand.Request(RequestCodes.GetBrokerClusterInfo),
        static response => TolerantJson.Read(response.Body.Span, ProtocolJson.Default.ClusterInfo),
        cancellationToken);

    private Task<TopicRouteData> AskForRouteAsync(string topic, CancellationToken cancellationToken) => AskAsync(
        () => RemotingCommand.Request(RequestCodes.GetRouteInfoByTopic)
            .Set("topic", topic)
            // Without it older name servers write broker ids as bare keys; we could read that, too.
            .Set("acceptStandardJsonOnly", true),
        response => response.Code == ResponseCodes.TopicNotExist
            ? throw new TopicNotFoundException(topic)
            : TolerantJson.Read(response.Body.Span, ProtocolJson.Default.TopicRouteData),
        cancellationToken);

    private async Task<T> AskAsync<T>(Func<RemotingCommand> request, Func<RemotingCommand, T> read, CancellationToken cancellationToken)
    {
        List<Exception>? failures = null;
        RemotingCommand? notKnown = null;
        var first = Volatile.Read(ref _current);
        for (var attempt = 0; attempt < Addresses.Count; attempt++)
        {
            var index = (first + attempt) % Addresses.Count;
            var address = Addresses[index];
            try
            {
                var command = request();
                var response = await _remoting.InvokeAsync(address, command, cancellationToken: cancellationToken).ConfigureAwait(false);
                if (response.Code is not (ResponseCodes.Success or ResponseCodes.TopicNotExist))
                {
                    throw new BrokerResponseException(command.Code, response.Code, response.Remark, address);
                }

                _reachability.Succeeded(address);
                if (response.Code == ResponseCodes.TopicNotExist)
                {
                    // They do not talk to each other: one that has just started, or that a broker cannot reach, knows less.
                    notKnown = response;
                    continue;
                }

                var answer = read(response);
                Volatile.Write(ref _current, index);
                return answer;
            }
            catch (Exception exception) when (exception is RocketMQNetworkException or RocketMQTimeoutException or BrokerResponseException or MessageFormatException)
            {
                _reachability.Failed(address, exception);
                (failures ??= []).Add(exception);
                // Others that ask now need not find out for themselves.
                Interlocked.CompareExchange(ref _current, (index + 1) % Addresses.Count, index);
            }
        }

        if (notKnown is not null)
        {
            return read(notKnown);
        }

        throw new NameServerException(
            $"No name server of {string.Join(';', Addresses)} answered: {string.Join("; ", failures!.Select(failure => failure.Message))}",
            failures!.Count == 1 ? failures[0] : new AggregateException(failures));
    }
}
