using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>One connection that says exactly what a test wants said.</summary>
internal sealed class TestClient : IAsyncDisposable
{
    private readonly RemotingConnection _connection;

    private TestClient(Socket socket, string address, string clientId)
    {
        ClientId = clientId;
        _connection = new(new NetworkStream(socket, ownsSocket: true), address, new RemotingOptions(), ReceiveAsync, TimeProvider.System, NullLogger.Instance);
        _connection.Start();
    }

    public string ClientId { get; }

    public ConcurrentQueue<RemotingCommand> Received { get; } = [];

    /// <summary>Answers what the broker asks of this client; by default nothing is answered.</summary>
    public Func<RemotingCommand, RemotingCommand?>? Answering { get; set; }

    public bool IsClosed => _connection.Closed.IsCompleted;

    public Task<Exception> Closed => _connection.Closed;

    public int NotificationsOf(string group)
        => Received.Count(command => command.Code == RequestCodes.NotifyConsumerIdsChanged && command["consumerGroup"] == group);

    public static async Task<TestClient> ConnectAsync(string address, string? clientId = null)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(HostAndPort.Parse(address).ToEndPoint());
        return new(socket, address, clientId ?? $"127.0.0.1@{Guid.NewGuid():N}");
    }

    public Task<RemotingCommand> InvokeAsync(RemotingCommand request) => _connection.InvokeAsync(request, Eventually.Deadline);

    public Task<RemotingCommand> InvokeAsync(int code, params (string Name, object? Value)[] fields) => InvokeAsync(Request(code, fields));

    public Task<RemotingCommand> InvokeAsync(int code, byte[] body, params (string Name, object? Value)[] fields)
        => InvokeAsync(Request(code, fields, body));

    public ValueTask SendOneWayAsync(int code, byte[]? body, params (string Name, object? Value)[] fields)
        => _connection.SendAsync(Request(code, fields, body, oneWay: true));

    public static RemotingCommand Request(int code, (string Name, object? Value)[] fields, byte[]? body = null, bool oneWay = false)
    {
        var request = RemotingCommand.Request(code, body, oneWay);
        foreach (var (name, value) in fields)
        {
            request.Set(name, value switch
            {
                null => (string?)null,
                bool flag => flag ? "true" : "false",
                _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture),
            });
        }

        return request;
    }

    /// <summary>Sends as Java's producer does, in the one-letter form.</summary>
    public Task<RemotingCommand> SendAsync(
        string topic, string body, string? tags = null, int queueId = 0, int sysFlag = 0, (string, string)[]? properties = null, int? reconsumeTimes = null, int? maxReconsumeTimes = null)
        => SendBytesAsync(topic, Encoding.UTF8.GetBytes(body), tags, queueId, sysFlag, properties, reconsumeTimes, maxReconsumeTimes);

    public Task<RemotingCommand> SendBytesAsync(
        string topic, byte[] body, string? tags = null, int queueId = 0, int sysFlag = 0, (string, string)[]? properties = null, int? reconsumeTimes = null, int? maxReconsumeTimes = null)
    {
        var table = (properties ?? []).ToDictionary(pair => pair.Item1, pair => pair.Item2);
        if (tags is not null)
        {
            table["TAGS"] = tags;
        }

        return InvokeAsync(
            RequestCodes.SendMessageV2, body,
            ("a", "test_producer"), ("b", topic), ("c", "TBW102"), ("d", 4), ("e", queueId), ("f", sysFlag), ("g", 1700000000000), ("h", 0),
            ("i", MessageProperties.Encode(table)), ("j", reconsumeTimes ?? 0), ("k", false), ("l", maxReconsumeTimes), ("m", false), ("n", "broker-a"));
    }

    public Task<RemotingCommand> SendBatchAsync(string topic, IEnumerable<Message> messages, int queueId = 0, string? batchId = null)
        => InvokeAsync(
            RequestCodes.SendBatchMessage, MessageBatchCodec.Encode(messages),
            ("a", "test_producer"), ("b", topic), ("c", "TBW102"), ("d", 4), ("e", queueId), ("f", 0), ("g", 1700000000000), ("h", 0),
            ("i", "WAIT\u0001true\u0002" + (batchId is null ? string.Empty : $"UNIQ_KEY\u0001{batchId}\u0002")), ("j", 0), ("k", false), ("m", true), ("n", "broker-a"));

    /// <summary>Pulls, by default as Java's push consumer does but without waiting and with the subscription in the request.</summary>
    public Task<RemotingCommand> PullAsync(
        string group, string topic, long offset, int queueId = 0, string? subscription = "*", string expressionType = "TAG", int max = 32,
        PullSysFlag flags = PullSysFlag.None, long suspendMillis = 0, long commitOffset = 0, long subVersion = 0, int? maxBytes = 262144, int code = RequestCodes.PullMessage)
    {
        flags |= subscription is null ? 0 : PullSysFlag.Subscription;
        return InvokeAsync(
            code,
            ("consumerGroup", group), ("topic", topic), ("queueId", queueId), ("queueOffset", offset), ("maxMsgNums", max), ("sysFlag", (int)flags),
            ("commitOffset", commitOffset), ("suspendTimeoutMillis", suspendMillis), ("subscription", subscription), ("subVersion", subVersion),
            ("expressionType", expressionType), ("maxMsgBytes", maxBytes), ("bname", "broker-a"));
    }

    public Task<RemotingCommand> HeartbeatAsync(
        string group, string model = ConsumerDataValues.Clustering, int fingerprint = 0, bool withoutSub = false, params SubscriptionData[] subscriptions)
    {
        var heartbeat = new HeartbeatData
        {
            ClientId = ClientId,
            HeartbeatFingerprint = fingerprint,
            WithoutSub = withoutSub,
            ConsumerDataSet = [new() { GroupName = group, MessageModel = model, SubscriptionDataSet = subscriptions }],
        };
        return InvokeAsync(RequestCodes.HeartBeat, JsonSerializer.SerializeToUtf8Bytes(heartbeat, ProtocolJson.Default.HeartbeatData));
    }

    public Task<RemotingCommand> HeartbeatAsProducerAsync(string group)
    {
        var heartbeat = new HeartbeatData { ClientId = ClientId, ProducerDataSet = [new(group)] };
        return InvokeAsync(RequestCodes.HeartBeat, JsonSerializer.SerializeToUtf8Bytes(heartbeat, ProtocolJson.Default.HeartbeatData));
    }

    public static SubscriptionData Tags(string topic, string expression = "*", long version = 1)
        => SubscriptionData.From(topic, MessageSelector.ByTag(expression), version);

    public static SubscriptionData Sql(string topic, string expression, long version = 1)
        => SubscriptionData.From(topic, MessageSelector.BySql(expression), version);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private ValueTask<RemotingCommand?> ReceiveAsync(RemotingConnection connection, RemotingCommand request)
    {
        Received.Enqueue(request);
        return ValueTask.FromResult(Answering?.Invoke(request));
    }
}
