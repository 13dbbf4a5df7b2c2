using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A name server and broker in one that answers everything a consumer asks, and pulls in a way nobody wants.</summary>
internal sealed class HostileBroker : IAsyncDisposable
{
    public const string Behaves = "behaves-as-peer";
    public const string Topic = "hostile";
    private const int Queues = 4;
    private const int Flood = 200;
    private static readonly TimeSpan Trickle = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongPoll = TimeSpan.FromSeconds(5);

    private readonly string _fault;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private string _members = string.Empty;
    private int _struck;

    public HostileBroker(string fault)
    {
        _fault = fault;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>What it can do with pulls, by name.</summary>
    public static IReadOnlyList<string> Faults { get; } = ["silent", "slow-bytes", "announced-size", "endless-header", "unasked-answers", "doubled-answers"];

    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    public int Struck => Volatile.Read(ref _struck);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token));
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        using var writing = new SemaphoreSlim(1, 1);
        var stream = client.GetStream();
        var reader = PipeReader.Create(stream);
        try
        {
            for (var ended = false; !ended;)
            {
                var result = await reader.ReadAsync(_stopping.Token);
                var buffer = result.Buffer;
                while (FrameReader.TryRead(ref buffer, FrameReader.DefaultMaxFrameLength, out var request))
                {
                    _ = AnswerAsync(stream, writing, request!);
                }

                reader.AdvanceTo(buffer.Start, buffer.End);
                ended = result.IsCompleted;
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or FrameFormatException)
        {
            // One side has ended it.
        }
    }

    private async Task AnswerAsync(NetworkStream stream, SemaphoreSlim writing, RemotingCommand request)
    {
        try
        {
            if (request is { IsResponse: false, IsOneWay: false })
            {
                await (request.Code == RequestCodes.PullMessage ? MisbehaveAsync(stream, writing, request) : SendAsync(stream, writing, Plain(request)));
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The client has closed the connection, as it may.
        }
    }

    private async Task MisbehaveAsync(NetworkStream stream, SemaphoreSlim writing, RemotingCommand request)
    {
        Interlocked.Increment(ref _struck);
        var answer = Encode(Nothing(request));
        switch (_fault)
        {
            case Behaves:
                await Task.Delay(LongPoll, _stopping.Token);
                await SendAsync(stream, writing, answer);
                break;
            case "slow-bytes":
                await TrickleAsync(stream, writing, answer);
                break;
            case "announced-size":
                await TrickleAsync(stream, writing, [0, 0xff, 0xff, 0xff, .. answer[4..], .. new byte[1024]]);
                break;
            case "endless-header":
                await SendAsync(stream, writing, Encode(WithFields(Nothing(request), 50_000)));
                break;
            case "unasked-answers":
                for (var number = 1; number <= Flood; number++)
                {
                    await SendAsync(stream, writing, Encode(Nothing(new RemotingCommand { Opaque = request.Opaque + 1_000_000 + number })));
                }

                await Task.Delay(Trickle, _stopping.Token);
                await SendAsync(stream, writing, answer);
                break;
            case "doubled-answers":
                await Task.Delay(Trickle, _stopping.Token);
                await SendAsync(stream, writing, [.. answer, .. answer]);
                break;
        }
    }

    private RemotingCommand Plain(RemotingCommand request)
    {
        switch (request.Code)
        {
            case RequestCodes.GetRouteInfoByTopic when request["topic"] == Topic:
                return RemotingCommand.Response(request, ResponseCodes.Success, body: JsonSerializer.SerializeToUtf8Bytes(Route(), ProtocolJson.Default.TopicRouteData));
            case RequestCodes.GetRouteInfoByTopic:
                return RemotingCommand.Response(request, ResponseCodes.TopicNotExist, "no such topic");
            case RequestCodes.HeartBeat:
                using (var beat = JsonDocument.Parse(request.Body))
                {
                    _members = beat.RootElement.GetProperty("clientID").GetString()!;
                }

                return RemotingCommand.Response(request, ResponseCodes.Success);
            case RequestCodes.GetConsumerListByGroup:
                return RemotingCommand.Response(request, ResponseCodes.Success, body: JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string[]> { ["consumerIdList"] = [_members] }));
            case RequestCodes.QueryAssignment:
                return RemotingCommand.Response(request, ResponseCodes.RequestCodeNotSupported, "not here");
            default:
                return RemotingCommand.Response(request, ResponseCodes.Success).Set("offset", 0);
        }
    }

    private TopicRouteData Route() => new()
    {
        BrokerDatas = [new BrokerData { BrokerName = "hostile", Cluster = "hostile", BrokerAddrs = new Dictionary<long, string> { [BrokerData.MasterId] = Address } }],
        QueueDatas =
        [
            new QueueData { BrokerName = "hostile", Perm = QueueData.ReadPermission | QueueData.WritePermission, ReadQueueNums = Queues, WriteQueueNums = Queues },
        ],
    };

    private static RemotingCommand Nothing(RemotingCommand request) => RemotingCommand.Response(request, ResponseCodes.PullNotFound, "nothing")
        .Set("suggestWhichBrokerId", 0).Set("nextBeginOffset", 0).Set("minOffset", 0).Set("maxOffset", 0);

    private static RemotingCommand WithFields(RemotingCommand command, int fields)
    {
        for (var field = 0; field < fields; field++)
        {
            command.Set($"field-{field}", field);
        }

        return command;
    }

    private static Task SendAsync(NetworkStream stream, SemaphoreSlim writing, RemotingCommand command) => SendAsync(stream, writing, Encode(command));

    private static async Task SendAsync(NetworkStream stream, SemaphoreSlim writing, byte[] frame)
    {
        await writing.WaitAsync();
        try
        {
            await stream.WriteAsync(frame);
        }
        finally
        {
            writing.Release();
        }
    }

    // Holds the connection meanwhile: nothing else can be sent within a frame.
    private async Task TrickleAsync(NetworkStream stream, SemaphoreSlim writing, byte[] frame)
    {
        await writing.WaitAsync(_stopping.Token);
        try
        {
            foreach (var one in frame)
            {
                await stream.WriteAsync(new[] { one }, _stopping.Token);
                await Task.Delay(Trickle, _stopping.Token);
            }
        }
        finally
        {
            writing.Release();
        }
    }

    private static byte[] Encode(RemotingCommand command)
    {
        var output = new ArrayBufferWriter<byte>();
        FrameWriter.Write(output, command);
        return output.WrittenSpan.ToArray();
    }
}
