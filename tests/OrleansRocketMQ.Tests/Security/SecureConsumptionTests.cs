using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Security;

/// <summary>Silos against a cluster that wants signatures, encryption, a namespace, or all of them.</summary>
public sealed class SecureConsumptionTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TestFolder _folder = new();
    private readonly ConcurrentQueue<RemotingCommand> _requests = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Messages_come_signed_encrypted_in_a_namespace_and_over_the_second_port_failed_ones_again()
    {
        await using var test = await TestRocketMQ.StartAsync(options: TestRocketMQ.QuickRetries with
        {
            Accounts = new Dictionary<string, string> { ["silo"] = "its-secret" },
            TlsCertificate = _certificates.Server,
            RequireTls = true,
            VipChannel = true,
        });
        test.Embedded.CreateTopic("tenant%orders", 2);
        // Written once: the silos read it at the same time.
        var authority = _certificates.WriteAuthority(_folder.Path);
        var failed = new ConcurrentDictionary<string, bool>();
        await using var cluster = await test.ConsumeAsync(
            test.Recorder.Then((messages, _) => failed.TryAdd(TestRocketMQ.Text(messages[0]), true) ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            silos: 2,
            setUp: options =>
            {
                options.AccessKey = "silo";
                options.SecretKey = "its-secret";
                options.Namespace = "tenant";
                options.VipChannel = true;
                options.UseTls = true;
                options.TlsAuthorityFile = authority;
            });
        await using var client = NewClient(test, new RemotingOptions
        {
            Credentials = new AclCredentials("silo", "its-secret"),
            Namespace = "tenant",
            Tls = new TlsOptions { DangerouslyTrustAnyCertificate = true },
        });
        await using var producer = PatientClients.Producer(client, "p");
        for (var number = 0; number < 10; number++)
        {
            await producer.SendAsync(new Message("orders", Encoding.UTF8.GetBytes($"{number}")));
        }

        await Eventually.TrueAsync(() => test.Recorder.Count >= 20, () => $"20 deliveries; there are {test.Recorder.Count}");

        Assert.All(test.Recorder.Deliveries, delivery => Assert.Equal("orders", delivery.Message.Topic));
        Assert.All(test.Recorder.Bodies.GroupBy(body => body), body => Assert.Equal(2, body.Count()));
        Assert.Equal(10, test.Broker.Messages("tenant%orders").Count);
        Assert.Equal(10, test.Broker.Messages(SystemTopics.Retry("tenant%" + test.MyGroup)).Count);
        Assert.Equal(2, test.Broker.ClientsOf("tenant%" + test.MyGroup).Count);
        Assert.Empty(test.Broker.ClientsOf(test.MyGroup));
        Assert.Equal(10, test.Faults.RequestsSeen(RequestCodes.ConsumerSendMessageBack, "broker-a (vip)"));
        await Eventually.TrueAsync(
            () => Enumerable.Range(0, 2).Sum(queue => test.Broker.CommittedOffset("tenant%" + test.MyGroup, "tenant%orders", queue) ?? 0) == 10, "10 committed");
    }

    [Fact]
    public async Task With_a_namespace_of_version_2_every_request_of_a_silo_names_it()
    {
        await using var test = await TestRocketMQ.StartAsync();
        Watch(test);
        await using var cluster = await test.ConsumeAsync(setUp: options => options.NamespaceV2 = "tenant");
        await using var client = NewClient(test, new RemotingOptions { NamespaceV2 = "tenant" });
        await using var producer = PatientClients.Producer(client, "p");

        await producer.SendAsync(new Message(TestRocketMQ.Topic, "0"u8.ToArray()));
        await test.Recorder.UntilAsync(1);
        await test.UntilCommittedAsync(1);

        Assert.All(_requests, request => Assert.Equal(("tenant", "true"), (request["ns"], request["nsd"])));
        Assert.Subset(_requests.Select(request => request.Code).ToHashSet(), new HashSet<int>
        {
            RequestCodes.GetRouteInfoByTopic, RequestCodes.HeartBeat, RequestCodes.GetConsumerListByGroup, RequestCodes.PullMessage, RequestCodes.UpdateConsumerOffset,
        });
    }

    [Fact]
    public async Task Unit_mode_and_the_units_name_are_told_and_silos_still_know_each_other()
    {
        await using var test = await TestRocketMQ.StartAsync();
        Watch(test);
        await using var cluster = await test.ConsumeAsync(
            test.Recorder.Then((messages, _) => messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success),
            options => options.UnitMode = true,
            silos: 2,
            setUp: options => options.UnitName = "north");

        await test.SendAsync(8);
        await test.Recorder.UntilAsync(16);

        Assert.All(test.Broker.ClientsOf(test.MyGroup), id => Assert.EndsWith("@north", id, StringComparison.Ordinal));
        Assert.All(cluster.StatusOf(test.MyGroup), status => Assert.NotEmpty(status.Queues));
        Assert.All(Of(RequestCodes.ConsumerSendMessageBack), request => Assert.Equal("true", request["unitMode"]));
        var heartbeats = Of(RequestCodes.HeartBeat).Select(request => Encoding.UTF8.GetString(request.Body.Span)).Where(body => body.Contains(test.MyGroup, StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(heartbeats);
        Assert.All(heartbeats, body => Assert.Contains("\"unitMode\":true", body, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_silo_with_a_wrong_secret_runs_on_and_neither_its_log_nor_its_status_shows_the_secret()
    {
        var log = new KeepingLog();
        await using var test = await TestRocketMQ.StartAsync(options: new() { Accounts = new Dictionary<string, string> { ["silo"] = "right" } });
        await using var cluster = await TestCluster.BeginAsync(
            test.Embedded.NameServerAddress,
            test.MyGroup,
            TestRocketMQ.Topic,
            test.Recorder.Succeed(),
            setUp: builder =>
            {
                DeclaredListeners.HideIn(builder.Services);
                builder.Services.AddLogging(logging => logging.AddProvider(log).AddFilter<KeepingLog>(null, LogLevel.Trace));
                builder.Configure(options =>
                {
                    options.AccessKey = "silo";
                    options.SecretKey = "wrong-secret";
                    options.SecurityToken = "wrong-token";
                });
            });

        await Eventually.TrueAsync(() => test.Faults.RequestsSeen(RequestCodes.HeartBeat) >= 2, "a second heartbeat");
        await Eventually.TrueAsync(() => log.Lines.Any(line => line.Contains("check signature failed.", StringComparison.Ordinal)), "the reason is logged");

        var status = Assert.Single(cluster.StatusOf(test.MyGroup));
        Assert.False(status.IsReady);
        Assert.DoesNotContain("wrong-", status.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(log.Lines, line => line.Contains("wrong-", StringComparison.Ordinal));
    }

    // Sees every request and disturbs none.
    private void Watch(TestRocketMQ test) => test.Faults.Inject(Fault.NoAnswer() with
    {
        When = target =>
        {
            _requests.Enqueue(target.Request);
            return false;
        },
    });

    private IEnumerable<RemotingCommand> Of(int code) => _requests.Where(request => request.Code == code);

    private static RocketMQClient NewClient(TestRocketMQ test, RemotingOptions remoting) => new(
        new RocketMQClientOptions { NameServerAddresses = [test.Embedded.NameServerAddress], ClientId = "127.0.0.1@secure", Remoting = remoting }, NullLoggerFactory.Instance);
}
