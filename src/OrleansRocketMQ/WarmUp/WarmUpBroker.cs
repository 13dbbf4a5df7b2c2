using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.WarmUp;

/// <summary>
/// A name server and a broker in memory, with one queue and few messages, for one client. What it is asked comes in frames, as from
/// a socket, so that nothing between socket and listener is left out.
/// </summary>
internal sealed class WarmUpBroker : IAsyncDisposable
{
    // Never connected to: names that no host can have.
    private const string Address = "warm-up:1";
    private const int MessagesPerPull = 2;

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _consumed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<RemotingConnection> _connections = [];
    private readonly MessageQueue _queue;
    private readonly TimeProvider _time;

    public WarmUpBroker(MessageQueue queue, TimeProvider time) => (_queue, _time) = (queue, time);

    /// <summary>Ends when the group has said that all messages are consumed.</summary>
    public Task Consumed => _consumed.Task;

    /// <summary>A client that reaches nobody else.</summary>
    public RocketMQClient CreateClient(string clientId) => new(
        new RocketMQClientOptions
        {
            NameServerAddresses = [Address],
            ClientId = clientId,

            // How long all of it may take is somebody else's word.
            Remoting = new RemotingOptions { Connect = Connect, RequestTimeout = TimeSpan.FromMinutes(1) },
        },
        NullLoggerFactory.Instance,
        _time);

    public async ValueTask DisposeAsync()
    {
        _ended.TrySetResult();
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }
    }

    private Stream Connect()
    {
        var (client, server) = InMemoryStream.CreatePair();
        var connection = new RemotingConnection(server, Address, new RemotingOptions(), AnswerAsync, _time, NullLogger.Instance);
        _connections.Add(connection);
        connection.Start();
        return client;
    }

    private async ValueTask<RemotingCommand?> AnswerAsync(RemotingConnection connection, RemotingCommand request)
    {
        switch (request.Code)
        {
            case RequestCodes.GetRouteInfoByTopic:
                return RemotingCommand.Response(request, ResponseCodes.Success, body: Route());
            case RequestCodes.QueryConsumerOffset:
                return RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", 0);
            case RequestCodes.UpdateConsumerOffset:
                Note(request);
                return RemotingCommand.Response(request, ResponseCodes.Success);
            case RequestCodes.PullMessage or RequestCodes.LitePullMessage:
                Note(request);
                return await PullAsync(request);
            case RequestCodes.HeartBeat or RequestCodes.UnregisterClient:
                return RemotingCommand.Response(request, ResponseCodes.Success);
            default:
                return RemotingCommand.Response(request, ResponseCodes.RequestCodeNotSupported);
        }
    }

    private void Note(RemotingCommand request)
    {
        if (request.GetInt64("commitOffset", 0) >= WarmUpGroup.Messages)
        {
            _consumed.TrySetResult();
        }
    }

    /// <summary>Few messages, as one that comes to a queue which is quick; then nothing, for as long as the queue waits.</summary>
    private async Task<RemotingCommand?> PullAsync(RemotingCommand request)
    {
        var offset = request.GetInt64("queueOffset");
        if (offset >= WarmUpGroup.Messages)
        {
            await _ended.Task;
            return null;
        }

        var end = Math.Min(offset + MessagesPerPull, WarmUpGroup.Messages);
        var records = Enumerable.Range((int)offset, (int)(end - offset)).SelectMany(RecordOf).ToArray();
        return RemotingCommand.Response(request, ResponseCodes.Success, body: records)
            .Set("nextBeginOffset", end)
            .Set("minOffset", 0)
            .Set("maxOffset", WarmUpGroup.Messages)
            .Set("suggestWhichBrokerId", BrokerData.MasterId);
    }

    private byte[] RecordOf(int offset)
    {
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var host = new IPEndPoint(IPAddress.Loopback, 1);
        return new StoredMessage
        {
            Topic = _queue.Topic,
            QueueId = _queue.QueueId,
            QueueOffset = offset,
            CommitLogOffset = offset,
            Body = "warm-up"u8.ToArray(),
            Properties = MessageProperties.Encode([new(MessageProperties.UniqueKey, $"{offset}")]),
            BornTimestamp = now,
            BornHost = host,
            StoreTimestamp = now,
            StoreHost = host,
        }.Encode();
    }

    private byte[] Route() => JsonSerializer.SerializeToUtf8Bytes(
        new TopicRouteData
        {
            BrokerDatas =
            [
                new()
                {
                    BrokerName = _queue.BrokerName,
                    Cluster = _queue.BrokerName,
                    BrokerAddrs = new Dictionary<long, string> { [BrokerData.MasterId] = Address },
                },
            ],
            QueueDatas =
            [
                new()
                {
                    BrokerName = _queue.BrokerName,
                    ReadQueueNums = 1,
                    WriteQueueNums = 1,
                    Perm = QueueData.ReadPermission | QueueData.WritePermission,
                },
            ],
        },
        ProtocolJson.Default.TopicRouteData);
}
