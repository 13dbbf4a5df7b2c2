using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Asks the name servers. About topics all of them, as each may know of brokers that others do not, see
/// <see cref="RouteAnswers"/>; about anything else one that works, and the next when it fails. Thread-safe. Mirrors the
/// name-server half of <c>MQClientAPIImpl</c>, which asks one only.
/// </summary>
public sealed class NameServerClient
{
    private readonly RemotingClient _remoting;
    private readonly Reachability _reachability;
    private readonly int[] _asking;
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
        _asking = new int[addresses.Count];
        _reachability = new Reachability("Name server", timeProvider ?? TimeProvider.System, logger);
        // Clients begin at different name servers, so that these share the load.
        _current = Random.Shared.Next(addresses.Count);
    }

    /// <summary>The clock of whoever asks.</summary>
    internal TimeProvider TimeProvider => _remoting.TimeProvider;

    /// <summary>The name servers.</summary>
    public IReadOnlyList<string> Addresses { get; }

    /// <summary>The name servers that did not answer when they were last asked.</summary>
    public IReadOnlyList<UnreachableServer> Unreachable => _reachability.Failing;

    /// <summary>Asks where a topic's queues are.</summary>
    /// <exception cref="TopicNotFoundException">No name server that answered knows such a topic.</exception>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public Task<TopicRouteData> GetRouteAsync(string topic, CancellationToken cancellationToken = default)
        => GetRouteAsync(topic, NewAnswers(), cancellationToken);

    /// <summary>What is to be kept of a topic's answers from one question to the next.</summary>
    internal RouteAnswers NewAnswers() => new(Addresses.Count, TimeProvider);

    /// <summary>
    /// Asks where a topic's queues are. A name server that does not answer now is taken to know what it knew; one that has
    /// not answered before is asked, but not waited for, as long as another one answers.
    /// </summary>
    /// <inheritdoc cref="GetRouteAsync(string,CancellationToken)"/>
    internal async Task<TopicRouteData> GetRouteAsync(string topic, RouteAnswers answers, CancellationToken cancellationToken)
    {
        var failing = Enumerable.Range(0, Addresses.Count).Where(server => _reachability.IsFailing(Addresses[server])).ToArray();
        var others = Enumerable.Range(0, Addresses.Count).Except(failing);
        var results = await Task.WhenAll(
            others.Select(server => AskForRouteAsync(server, topic, answers, cancellationToken))).ConfigureAwait(false);
        if (results.Contains(null))
        {
            foreach (var server in failing)
            {
                // Its answer is for the next time. One question at a time: there may be thousands of topics.
                _ = AskAsideAsync(server, topic, answers);
            }
        }
        else
        {
            var late = await Task.WhenAll(
                failing.Select(server => AskForRouteAsync(server, topic, answers, cancellationToken))).ConfigureAwait(false);
            results = [.. results, .. late];
        }

        if (!results.Contains(null))
        {
            throw NobodyAnswered([.. results.OfType<Exception>()]);
        }

        return answers.Merged() ?? throw new TopicNotFoundException(topic);
    }

    /// <summary>Asks for all brokers of all clusters.</summary>
    /// <exception cref="NameServerException">No name server gave a usable answer.</exception>
    public Task<ClusterInfo> GetClusterInfoAsync(CancellationToken cancellationToken = default) => AskAsync(
        static () => RemotingCommand.Request(RequestCodes.GetBrokerClusterInfo),
        static response => TolerantJson.Read(response.Body.Span, ProtocolJson.Default.ClusterInfo),
        cancellationToken);

    /// <returns>Null when it answered, which is noted; else why it did not.</returns>
    private async Task<Exception?> AskForRouteAsync(int server, string topic, RouteAnswers answers, CancellationToken cancellationToken)
    {
        try
        {
            var response = await AskAsync(
                Addresses[server],
                // Without it older name servers write broker ids as bare keys; we could read that, too.
                RemotingCommand.Request(RequestCodes.GetRouteInfoByTopic).Set("topic", topic).Set("acceptStandardJsonOnly", true),
                cancellationToken).ConfigureAwait(false);
            answers.Note(server, response.Code == ResponseCodes.TopicNotExist
                ? null
                : TolerantJson.Read(response.Body.Span, ProtocolJson.Default.TopicRouteData));
            _reachability.Succeeded(Addresses[server]);
            return null;
        }
        catch (Exception exception) when (IsOfTheServer(exception))
        {
            _reachability.Failed(Addresses[server], exception);
            return exception;
        }
    }

    private async Task AskAsideAsync(int server, string topic, RouteAnswers answers)
    {
        if (Interlocked.Exchange(ref _asking[server], 1) != 0)
        {
            return;
        }

        try
        {
            await AskForRouteAsync(server, topic, answers, CancellationToken.None).ConfigureAwait(false);
        }
        catch (ObjectDisposedException)
        {
            // The client was stopped meanwhile.
        }
        finally
        {
            Volatile.Write(ref _asking[server], 0);
        }
    }

    private async Task<RemotingCommand> AskAsync(string address, RemotingCommand request, CancellationToken cancellationToken)
    {
        var response = await _remoting.InvokeAsync(address, request, cancellationToken: cancellationToken).ConfigureAwait(false);
        return response.Code is ResponseCodes.Success or ResponseCodes.TopicNotExist
            ? response
            : throw new BrokerResponseException(request.Code, response.Code, response.Remark, address);
    }

    private static bool IsOfTheServer(Exception exception)
        => exception is RocketMQNetworkException or RocketMQTimeoutException or BrokerResponseException or MessageFormatException;

    private async Task<T> AskAsync<T>(Func<RemotingCommand> request, Func<RemotingCommand, T> read, CancellationToken cancellationToken)
    {
        var failures = new List<Exception>();
        var first = Volatile.Read(ref _current);
        for (var attempt = 0; attempt < Addresses.Count; attempt++)
        {
            var index = (first + attempt) % Addresses.Count;
            try
            {
                var answer = read(await AskAsync(Addresses[index], request(), cancellationToken).ConfigureAwait(false));
                _reachability.Succeeded(Addresses[index]);
                Volatile.Write(ref _current, index);
                return answer;
            }
            catch (Exception exception) when (IsOfTheServer(exception))
            {
                _reachability.Failed(Addresses[index], exception);
                failures.Add(exception);
                // Others that ask now need not find out for themselves.
                Interlocked.CompareExchange(ref _current, (index + 1) % Addresses.Count, index);
            }
        }

        throw NobodyAnswered(failures);
    }

    private NameServerException NobodyAnswered(List<Exception> failures) => new(
        $"No name server of {string.Join(';', Addresses)} answered: {string.Join("; ", failures.Select(failure => failure.Message))}",
        failures.Count == 1 ? failures[0] : new AggregateException(failures));
}
