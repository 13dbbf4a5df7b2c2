using System.Security.Cryptography.X509Certificates;
using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded;

/// <summary>
/// A RocketMQ name server and brokers in this process, speaking the real remoting protocol over TCP: for a first run and
/// for tests. Official clients in any language can use it.
/// </summary>
/// <example>
/// <code>
/// await using var rocketMQ = await EmbeddedRocketMQ.StartAsync();
/// rocketMQ.CreateTopic("orders", queues: 8);
/// // give rocketMQ.NameServerAddress to producers and consumers
/// </code>
/// </example>
public sealed class EmbeddedRocketMQ : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly EmbeddedRocketMQOptions _options;
    private readonly ServerSecurity _security;
    private volatile EmbeddedBroker[] _brokers = [];
    private int _disposed;

    private EmbeddedRocketMQ(EmbeddedRocketMQOptions options)
    {
        _options = options;
        _security = new(options);
        NameServer = new(options, _security, Faults);
    }

    /// <summary>Where the name server listens, <c>host:port</c>.</summary>
    public string NameServerAddress => NameServer.Address;

    /// <summary>The name server.</summary>
    public EmbeddedNameServer NameServer { get; }

    /// <summary>The first broker.</summary>
    public EmbeddedBroker Broker => _brokers[0];

    /// <summary>All brokers.</summary>
    public IReadOnlyList<EmbeddedBroker> Brokers => _brokers;

    /// <summary>What is to go wrong, and how many requests have come in.</summary>
    public FaultInjection Faults { get; } = new();

    /// <summary>Starts a name server and one broker, with its slaves.</summary>
    /// <param name="options">Null means the defaults.</param>
    /// <param name="cancellationToken">Gives up before anything listens.</param>
    /// <exception cref="RocketMQConfigurationException">An option is wrong; the error names it.</exception>
    /// <exception cref="RocketMQNetworkException">A port is taken.</exception>
    public static async Task<EmbeddedRocketMQ> StartAsync(
        EmbeddedRocketMQOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new();
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        var started = new EmbeddedRocketMQ(options);
        try
        {
            started.NameServer.Start();
            await started.AddBrokerAsync(options.BrokerName, options.BrokerPort).ConfigureAwait(false);
            return started;
        }
        catch
        {
            await started.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts a further broker under the same name server, with the same options but its own name and port.</summary>
    /// <param name="name">Its name; no other broker may have it.</param>
    /// <param name="port">Its port; 0 takes any free one.</param>
    /// <exception cref="RocketMQConfigurationException">The name is wrong or taken.</exception>
    /// <exception cref="RocketMQNetworkException">The port is taken.</exception>
    public async Task<EmbeddedBroker> AddBrokerAsync(string name, int port = 0)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        EmbeddedRocketMQOptions.CheckName(nameof(EmbeddedRocketMQOptions.BrokerName), name);
        EmbeddedBroker broker;
        lock (_gate)
        {
            if (_brokers.Any(other => other.Name == name))
            {
                throw new RocketMQConfigurationException(nameof(EmbeddedRocketMQOptions.BrokerName), name, "a name no other broker has");
            }

            broker = new(name, port, _options, _security, NameServer.Routes, Faults);
            _brokers = [.. _brokers, broker];
        }

        await broker.StartAsync().ConfigureAwait(false);
        for (var slave = 0; slave < _options.Slaves; slave++)
        {
            await broker.AddSlaveAsync().ConfigureAwait(false);
        }

        return broker;
    }

    /// <summary>
    /// Lets in these accounts from the next request on, as when an administrator changes them (<c>mqadmin updateUser</c>).
    /// </summary>
    /// <param name="accounts">Access key to secret key; null: everybody may.</param>
    public void SetAccounts(IReadOnlyDictionary<string, string>? accounts) => _security.Change(accounts);

    /// <summary>
    /// Shows whoever connects from now on another certificate, and asks clients for one of another authority; open connections go on.
    /// As RocketMQ's servers do when the files of their certificates change.
    /// </summary>
    /// <param name="certificate">The certificate of name server and brokers, with its key.</param>
    /// <param name="clientAuthority">As <see cref="EmbeddedRocketMQOptions.TlsClientAuthority"/>; null: clients need none.</param>
    /// <exception cref="RocketMQConfigurationException">There is no key.</exception>
    public void SetCertificates(X509Certificate2 certificate, X509Certificate2? clientAuthority = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        if (!certificate.HasPrivateKey)
        {
            throw new RocketMQConfigurationException(
                nameof(EmbeddedRocketMQOptions.TlsCertificate), certificate.Subject, "a certificate with its private key");
        }

        _security.Change(certificate, clientAuthority);
    }

    /// <summary>Makes a topic on every broker, or changes its number of queues there.</summary>
    /// <param name="topic">Its name.</param>
    /// <param name="queues">Queues to read and to write, on each broker.</param>
    /// <exception cref="RocketMQValidationException">The name or the number is not allowed.</exception>
    public void CreateTopic(string topic, int queues = 4)
    {
        foreach (var broker in _brokers)
        {
            broker.CreateTopic(topic, queues);
        }
    }

    /// <summary>Stops everything. What a folder was given for is complete there afterwards.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await NameServer.StopAsync().ConfigureAwait(false);
        foreach (var broker in _brokers)
        {
            await broker.DisposeAsync().ConfigureAwait(false);
        }
    }
}
