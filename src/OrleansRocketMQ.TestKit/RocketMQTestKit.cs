using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.TestKit;

/// <summary>
/// An embedded RocketMQ broker and silos of this process that consume from it over TCP, with listeners of one's own: what
/// a test of a listener needs. Works in any test framework; each test has its own. Thread-safe.
/// </summary>
/// <remarks>
/// <para>Everything is quick: a message that fails comes again after 20 ms, offsets are committed after 50 ms, and groups
/// begin at the first message. Options that are set for a consumer count instead.</para>
/// <para>Silos never leave the embedded broker: name servers, namespaces, accounts and TLS of the settings under test are
/// passed over. Listeners with a <see cref="RocketMQListenerAttribute"/> in assemblies of the test take part, as on any silo.</para>
/// </remarks>
/// <example>
/// <code>
/// await using var kit = await RocketMQTestKit.StartAsync(rocketmq =&gt;
///     rocketmq.AddConsumer&lt;OrderListener&gt;("billing", consumer =&gt; consumer.Subscribe("orders")));
/// await kit.SendAsync("orders", "4711", tag: "created");
/// await kit.UntilConsumedAsync("billing");
/// </code>
/// </example>
public sealed partial class RocketMQTestKit : IAsyncDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(10);

    private readonly RocketMQTestKitOptions _options;
    private readonly InProcessTestCluster _cluster;
    private int _disposed;

    private RocketMQTestKit(RocketMQTestKitOptions options, KitClock clock, EmbeddedRocketMQ embedded, InProcessTestCluster cluster)
    {
        _clock = clock;
        _options = options;
        _cluster = cluster;
        Embedded = embedded;
        Producer = new Producer(
            new RocketMQClientOptions { NameServerAddresses = [embedded.NameServerAddress], ClientId = "127.0.0.1@test-kit" },
            new ProducerOptions { Group = "test-kit" },
            NullLoggerFactory.Instance,
            clock);
    }

    /// <summary>
    /// The broker: to look at its messages and offsets, to stop it, and to make things go wrong with
    /// <see cref="EmbeddedRocketMQ.Faults"/>.
    /// </summary>
    public EmbeddedRocketMQ Embedded { get; }

    /// <summary>The silos: to start more of them, to stop or to kill one.</summary>
    public InProcessTestCluster Cluster => _cluster;

    /// <summary>The services of the first silo that runs.</summary>
    /// <exception cref="InvalidOperationException">None runs.</exception>
    public IServiceProvider Services => _cluster.GetActiveSilos().FirstOrDefault() is { } silo
        ? _cluster.GetSiloServiceProvider(silo.SiloAddress)
        : throw new InvalidOperationException("No silo of the test kit runs.");

    /// <summary>Calls grains, as a client of the cluster does.</summary>
    public IGrainFactory Grains => _cluster.Client;

    /// <summary>
    /// Sends what <see cref="SendAsync(string, string, string?, string?, string?, CancellationToken)"/> does not: batches,
    /// transactions, to a queue of one's choice.
    /// </summary>
    public Producer Producer { get; }

    /// <summary>
    /// Starts a broker and silos. When this returns the topics are there, and every consumer that starts by itself pulls
    /// from its queues.
    /// </summary>
    /// <param name="configure">Adds consumers, as for <c>AddRocketMQ</c> on a silo; null when attributes on listeners say it all.</param>
    /// <param name="options">Null means the defaults.</param>
    /// <param name="cancellationToken">Gives up waiting for the consumers.</param>
    /// <exception cref="RocketMQConfigurationException">An option is wrong; the error names it.</exception>
    /// <exception cref="TimeoutException">
    /// Consumers were not ready within <see cref="RocketMQTestKitOptions.Deadline"/>; the message says which.
    /// </exception>
    public static async Task<RocketMQTestKit> StartAsync(
        Action<RocketMQBuilder>? configure = null, RocketMQTestKitOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        options.Validate();
        var clock = new KitClock();
        var ofBroker = options.HasClock ? options.Embedded : options.Embedded with { TimeProvider = clock.ForBroker };
        var embedded = await EmbeddedRocketMQ.StartAsync(ofBroker, cancellationToken).ConfigureAwait(false);
        var kit = new RocketMQTestKit(options, clock, embedded, BuildCluster(embedded, clock, options, configure));
        try
        {
            await kit._cluster.DeployAsync(cancellationToken).ConfigureAwait(false);
            await kit.UntilReadyAsync(cancellationToken).ConfigureAwait(false);
            return kit;
        }
        catch
        {
            await kit.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Sends a message with a text, in UTF-8.</summary>
    /// <param name="topic">Where it goes; made by the first message when nobody subscribes to it.</param>
    /// <param name="body">The text; at least one character.</param>
    /// <param name="tag">The tag consumers may select by.</param>
    /// <param name="key">A key it can be looked up by.</param>
    /// <param name="shardingKey">Messages with the same one go to the same queue, in the order they were sent.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQException">It could not be sent; see <see cref="Producing.Producer"/>.</exception>
    public Task<SendResult> SendAsync(
        string topic,
        string body,
        string? tag = null,
        string? key = null,
        string? shardingKey = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(body);
        return SendAsync(new Message(topic, Encoding.UTF8.GetBytes(body), tag, key) { ShardingKey = shardingKey }, cancellationToken);
    }

    /// <summary>Sends a message; one with a sharding key to the queue of that key, any other to the next queue.</summary>
    /// <param name="message">The message.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQException">It could not be sent; see <see cref="Producing.Producer"/>.</exception>
    public Task<SendResult> SendAsync(Message message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return message.ShardingKey is null
            ? Producer.SendAsync(message, cancellationToken)
            : Producer.SendAsync(message, new HashSelector(), cancellationToken: cancellationToken);
    }

    /// <summary>
    /// Waits until a group has consumed everything that was sent to its topics, what comes again included, and has committed
    /// it. Messages that became dead letters count as consumed; see <see cref="DeadLetters"/>.
    /// </summary>
    /// <param name="group">The group.</param>
    /// <param name="deadline">How long to wait; null means <see cref="RocketMQTestKitOptions.Deadline"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="ConsumerStateException">No silo has the group.</exception>
    /// <exception cref="TimeoutException">
    /// It was not done in time; the message says what is missing, and how the group stands on each silo.
    /// </exception>
    public async Task UntilConsumedAsync(string group, TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(group);
        var broadcasting = OptionsOf(group)?.MessageModel == MessageModel.Broadcasting;
        var progress = new GroupProgress(Embedded, _cluster, group, broadcasting);
        await UntilNothingIsMissingAsync(
            progress.Missing,
            missing => $"Group '{group}' has not consumed everything{Within(deadline)}:{Lines([.. missing, .. progress.Describe()])}",
            deadline,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The messages a group has given up after their last attempt, with their bodies, in the order they were filed on each
    /// broker.
    /// </summary>
    /// <param name="group">The group.</param>
    public IReadOnlyList<MessageExt> DeadLetters(string group)
        => [.. Embedded.Brokers.SelectMany(broker => broker.Messages(SystemTopics.DeadLetter(group)))];

    /// <summary>Stops the silos, then the broker. Listeners that run may end first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        try
        {
            await _cluster.StopAllSilosAsync().ConfigureAwait(false);
            await _cluster.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await Producer.DisposeAsync().ConfigureAwait(false);
            await Embedded.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static InProcessTestCluster BuildCluster(
        EmbeddedRocketMQ embedded,
        KitClock clock,
        RocketMQTestKitOptions options,
        Action<RocketMQBuilder>? configure)
    {
        var builder = new InProcessTestClusterBuilder(options.Silos);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddLogging(logging =>
            {
                logging.SetMinimumLevel(options.MinimumLogLevel);
                if (options.LoggerProvider is not null)
                {
                    logging.AddProvider(options.LoggerProvider);
                }
            });
            silo.Services.AddSingleton<TimeProvider>(clock);
            var consumers = new KitConsumers(embedded, options.Queues);
            silo.AddRocketMQ(rocketmq =>
            {
                KitSettings.SetDefaults(rocketmq);
                rocketmq.ConfigureConsumers(consumers.Add);
                configure?.Invoke(rocketmq);
            });
            options.ConfigureSilo?.Invoke(silo);
            KitSettings.StayAtHome(silo.Services, embedded);
            silo.Services.AddSingleton(consumers);
            silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(consumers);
        });
        return builder.Build();
    }

    private Task UntilReadyAsync(CancellationToken cancellationToken) => UntilNothingIsMissingAsync(
        NotReady, missing => $"Consumers were not ready{Within(null)}:{Lines(missing)}", null, cancellationToken);

    private List<string> NotReady() =>
    [
        .. from silo in _cluster.GetActiveSilos()
           let services = _cluster.GetSiloServiceProvider(silo.SiloAddress)
           let statuses = services.GetRequiredService<IRocketMQSiloStatus>().Groups
           from consumer in services.GetRequiredService<KitConsumers>().All
           where consumer.AutoStart
           let status = statuses.FirstOrDefault(status => status.Group == consumer.Group)
           where status is not { IsReady: true, Refused: "" }
           let state = services.GetRequiredService<IRocketMQConsumers>().Get(consumer.Group).State
           select $"silo {silo.Name}: group '{consumer.Group}' is {state}"
               + (status?.Refused is { Length: > 0 } refused ? $", refused: {refused}" : string.Empty),
    ];

    private ConsumerOptions? OptionsOf(string group)
        => Services.GetRequiredService<KitConsumers>().All.FirstOrDefault(consumer => consumer.Group == group);

    private async Task UntilNothingIsMissingAsync(
        Func<IReadOnlyList<string>> missing,
        Func<IReadOnlyList<string>, string> complaint,
        TimeSpan? deadline,
        CancellationToken cancellationToken)
    {
        var start = _clock.GetTimestamp();
        while (missing() is { Count: > 0 } left)
        {
            if (_clock.GetElapsedTime(start) > (deadline ?? _options.Deadline))
            {
                throw new TimeoutException(complaint(left));
            }

            await Task.Delay(PollInterval, _clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private string Within(TimeSpan? deadline) => $" within {(deadline ?? _options.Deadline).TotalSeconds:0.###} s";

    private static string Lines(IEnumerable<string> lines) => string.Concat(lines.Select(line => $"{Environment.NewLine}  {line}"));
}
