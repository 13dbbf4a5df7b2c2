using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Conformance;

/// <summary>
/// A cluster with accounts and rights, as RocketMQ 5 has them with ACL 2.0. That of <c>ROCKETMQ_ACL_NAMESRV_ADDR</c>, whose
/// super user <c>ROCKETMQ_ACL_SUPER</c> gives as <c>name:secret</c>; or the embedded one, which knows accounts and is made to
/// refuse what a 5.3.3 refuses.
/// </summary>
internal sealed class AuthorizedCluster : IAsyncDisposable
{
    private const string Secret = "its-own-secret";
    private const int CreateUser = 3001;
    private const int CreateAcl = 3006;

    private static int s_accounts;
    private readonly EmbeddedRocketMQ? _embedded;
    private readonly AccountRights _rights;

    private AuthorizedCluster(EmbeddedRocketMQ? embedded, string nameServer, AclCredentials super, string account)
    {
        _embedded = embedded;
        NameServer = nameServer;
        Account = account;
        Super = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = [nameServer],
                ClientId = $"127.0.0.1@{account}",
                Remoting = new() { RequestTimeout = PatientClients.RequestTimeout, Credentials = super },
            },
            NullLoggerFactory.Instance);
        Super.Start();
        Producer = PatientClients.Producer(Super, "conformance_producer");
        _rights = new AccountRights(account);
        embedded?.Faults.Inject(_rights.AsFault());
    }

    public string NameServer { get; }

    /// <summary>The account whose rights the test gives; it begins with none.</summary>
    public string Account { get; }

    /// <summary>May everything.</summary>
    public RocketMQClient Super { get; }

    public Producer Producer { get; }

    public static async Task<AuthorizedCluster> StartAsync()
    {
        var account = $"silo{Environment.ProcessId}x{DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()}x{Interlocked.Increment(ref s_accounts)}";
        var external = Environment.GetEnvironmentVariable("ROCKETMQ_ACL_NAMESRV_ADDR");
        if (string.IsNullOrWhiteSpace(external))
        {
            var accounts = new Dictionary<string, string> { ["super"] = "super-secret", [account] = Secret };
            var embedded = await EmbeddedRocketMQ.StartAsync(new() { Accounts = accounts, MessageDelayLevels = "50ms 50ms 100ms 100ms 100ms" });
            return new(embedded, embedded.NameServerAddress, new("super", "super-secret"), account);
        }

        var super = (Environment.GetEnvironmentVariable("ROCKETMQ_ACL_SUPER") ?? string.Empty).Split(':');
        var cluster = new AuthorizedCluster(embedded: null, external, new(super[0], super[^1]), account);
        await cluster.AdministrateAsync(
            RemotingCommand.Request(CreateUser, Json(new { username = account, password = Secret, userType = "Normal" })).Set("username", account));
        return cluster;
    }

    public ValueTask DisposeAsync() => new(DisposeCoreAsync());

    /// <summary>Lets the account do something with a <c>Topic:name</c> or a <c>Group:name</c>.</summary>
    public async Task GrantAsync(string resource, params string[] actions)
    {
        _rights.Grant(resource, actions);
        if (_embedded is null)
        {
            var entry = new { resource, actions, decision = "Allow" };
            var acl = new { subject = $"User:{Account}", policies = new[] { new { policyType = "Custom", entries = new[] { entry } } } };
            await AdministrateAsync(RemotingCommand.Request(CreateAcl, Json(acl)).Set("subject", $"User:{Account}"));
        }
    }

    public async Task<string> CreateTopicAsync(int queues = 2)
    {
        var topic = RocketMQCluster.NewName("topic");
        foreach (var broker in await BrokersAsync())
        {
            await Super.Brokers.CreateTopicAsync(broker, topic, queues);
        }

        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return (await Super.Routes.RefreshAsync(topic)).ReadQueues.Count > 0;
                }
                catch (TopicNotFoundException)
                {
                    return false;
                }
            },
            $"a route to {topic}");
        return topic;
    }

    public async Task SendAsync(string topic, params string[] bodies)
    {
        foreach (var body in bodies)
        {
            await Producer.SendAsync(new Message(topic, Encoding.UTF8.GetBytes(body)) { ShardingKey = body });
        }
    }

    public async Task<long> CommittedAsync(string group, string topic)
    {
        var committed = 0L;
        foreach (var queue in (await Super.Routes.GetAsync(topic)).ReadQueues)
        {
            committed += await Super.Brokers.QueryConsumerOffsetAsync(MasterOf(queue), group, queue, setZeroIfNotFound: false) ?? 0;
        }

        return committed;
    }

    public async Task<IReadOnlyList<string>> MembersAsync(string group) => await Super.Brokers.GetConsumerIdsAsync((await BrokersAsync())[0], group);

    /// <summary>How many messages a topic holds; none when it does not exist.</summary>
    public async Task<long> CountAsync(string topic)
    {
        try
        {
            var count = 0L;
            foreach (var queue in (await Super.Routes.RefreshAsync(topic)).ReadQueues)
            {
                count += await Super.Brokers.GetMaxOffsetAsync(MasterOf(queue), queue);
            }

            return count;
        }
        catch (TopicNotFoundException)
        {
            return 0;
        }
    }

    /// <summary>For silos: the account, and no more patience than the product has.</summary>
    public void SetUp(RocketMQOptions options) => (options.AccessKey, options.SecretKey) = (Account, Secret);

    private static byte[] Json<T>(T body) => JsonSerializer.SerializeToUtf8Bytes(body);

    private string MasterOf(MessageQueue queue) => Super.Routes.FindAddress(queue.BrokerName)!.Value.Address;

    public async Task<IReadOnlyList<string>> BrokersAsync()
    {
        var cluster = await Super.NameServer.GetClusterInfoAsync();
        return [.. cluster.BrokerAddrTable.Values.Select(broker => broker.BrokerAddrs[BrokerData.MasterId])];
    }

    private async Task AdministrateAsync(RemotingCommand request)
    {
        foreach (var broker in await BrokersAsync())
        {
            var answer = await Super.Remoting.InvokeAsync(broker, request);
            Assert.True(answer.Code == ResponseCodes.Success, $"{answer.Code}: {answer.Remark}");
        }
    }

    private async Task DisposeCoreAsync()
    {
        await Producer.DisposeAsync();
        await Super.DisposeAsync();
        if (_embedded is not null)
        {
            await _embedded.DisposeAsync();
        }
    }
}

/// <summary>
/// What one account may do, asked for each request as <c>DefaultAuthorizationContextBuilder</c> of 5.3.3 asks: for every
/// resource any of some actions. What it does not ask for, everybody may.
/// </summary>
internal sealed class AccountRights(string account)
{
    private readonly ConcurrentDictionary<string, string[]> _granted = new(StringComparer.Ordinal);

    public void Grant(string resource, string[] actions) => _granted[resource] = actions;

    public Fault AsFault() => Fault.Answer(ResponseCodes.NoPermission, $"User:{account} has no permission to access it, no matched policies.") with
    {
        Servers = FaultServers.Brokers,
        When = target => target.Request["AccessKey"] == account && !Wanted(target.Request).All(IsGranted),
    };

    private static IEnumerable<(string Resource, string[] AnyOf)> Wanted(RemotingCommand request) => request.Code switch
    {
        RequestCodes.SendMessage => Sent(request["topic"], request["producerGroup"]),
        RequestCodes.SendMessageV2 or RequestCodes.SendBatchMessage => Sent(request["b"], request["a"]),
        RequestCodes.EndTransaction => [(Topic(request["topic"]), ["Pub"])],
        RequestCodes.ConsumerSendMessageBack => [(Group(request["group"]), ["Sub"])],
        RequestCodes.PullMessage => Of(request["topic"], request["consumerGroup"], "Sub"),
        RequestCodes.QueryConsumerOffset => Of(request["topic"], request["consumerGroup"], "Sub", "Get"),
        RequestCodes.UpdateConsumerOffset => Of(request["topic"], request["consumerGroup"], "Sub", "Update"),
        RequestCodes.GetConsumerListByGroup => [(Group(request["consumerGroup"]), ["Sub", "Get"])],
        RequestCodes.UnregisterClient => request["consumerGroup"] is { Length: > 0 } group ? [(Group(group), ["Sub"])] : [],
        RequestCodes.GetMaxOffset or RequestCodes.GetMinOffset or RequestCodes.SearchOffsetByTimestamp => [(TopicOrGroup(request["topic"]), ["Get"])],
        RequestCodes.GetSubscriptionGroupConfig => [(Group(request["group"]), ["Get"])],
        RequestCodes.HeartBeat => Heartbeat(request),
        RequestCodes.LockBatchMessageQueue or RequestCodes.UnlockBatchMessageQueue => Locks(request),
        _ => [],
    };

    private static (string, string[])[] Sent(string? topic, string? producerGroup)
        => [IsRetry(topic) ? (Group(string.IsNullOrWhiteSpace(producerGroup) ? topic : producerGroup), ["Sub"]) : (Topic(topic), ["Pub"])];

    private static (string, string[])[] Of(string? topic, string? group, params string[] anyOf)
        => IsRetry(topic) ? [(Group(group), anyOf)] : [(Topic(topic), anyOf), (Group(group), anyOf)];

    private static List<(string, string[])> Heartbeat(RemotingCommand request)
    {
        using var body = JsonDocument.Parse(request.Body);
        var wanted = new List<(string, string[])>();
        foreach (var group in body.RootElement.GetProperty("consumerDataSet").EnumerateArray())
        {
            wanted.Add((Group(group.GetProperty("groupName").GetString()), ["Sub"]));
            wanted.AddRange(group.GetProperty("subscriptionDataSet").EnumerateArray()
                .Select(subscription => subscription.GetProperty("topic").GetString())
                .Where(topic => !IsRetry(topic))
                .Select(topic => (Topic(topic), (string[])["Sub"])));
        }

        return wanted;
    }

    private static (string, string[])[] Locks(RemotingCommand request)
    {
        using var body = JsonDocument.Parse(request.Body);
        var topics = body.RootElement.GetProperty("mqSet").EnumerateArray().Select(queue => queue.GetProperty("topic").GetString());
        return
        [
            (Group(body.RootElement.GetProperty("consumerGroup").GetString()), ["Sub"]),
            .. topics.Where(topic => !IsRetry(topic)).Select(topic => (Topic(topic), (string[])["Sub"])),
        ];
    }

    private static bool IsRetry(string? topic) => topic is not null && SystemTopics.IsRetry(topic);

    private static string Topic(string? name) => $"Topic:{name}";

    private static string Group(string? name) => IsRetry(name) ? $"Group:{name![SystemTopics.RetryPrefix.Length..]}" : $"Group:{name}";

    private static string TopicOrGroup(string? topic) => IsRetry(topic) ? Group(topic) : Topic(topic);

    private bool IsGranted((string Resource, string[] AnyOf) wanted)
        => _granted.TryGetValue(wanted.Resource, out var actions) && actions.Intersect(wanted.AnyOf, StringComparer.Ordinal).Any();
}
