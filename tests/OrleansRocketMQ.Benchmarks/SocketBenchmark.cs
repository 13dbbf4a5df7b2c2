using System.Net.Sockets;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>
/// The ceiling of a pull: prepared requests over a bare socket, and answers of which nothing is decoded but whose they are and
/// where to go on. With <c>--floor</c> each body goes into an array of its own, as bodies that are kept have to.
/// </summary>
internal static class SocketBenchmark
{
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var floor = arguments["floor"] is not null;
        var (address, queueIds) = await FindAsync(arguments);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address.Host, address.Port);
        var queues = queueIds.Select((id, index) => new PreparedPull(arguments, id, index)).ToArray();
        var start = ProcessFigures.Now();
        new BareClient(socket, queues, arguments.Messages / queues.Length, floor).PullAll();
        var messages = queues.Sum(queue => queue.Offset);
        var what = floor ? "socket, an array for each answer" : "socket";
        Console.WriteLine(ProcessFigures.Now().Report(what, start, messages, floor ? arguments.BodyLength : 0));
        return 0;
    }

    private static async Task<(HostAndPort Address, int[] QueueIds)> FindAsync(Arguments arguments)
    {
        await using var client = Cluster.Connect(arguments.NameServer);
        var queues = (await client.Routes.RefreshAsync(arguments.Topic)).ReadQueues;
        var address = client.Routes.FindAddress(queues[0].BrokerName)!.Value.Address;
        return queues.All(queue => queue.BrokerName == queues[0].BrokerName)
            ? (HostAndPort.Parse(address), [.. queues.Select(queue => queue.QueueId)])
            : throw new InvalidOperationException($"{arguments.Topic} is on more than one broker; this is one connection");
    }

    /// <summary>Reads whole frames off a socket, and asks again for each.</summary>
    private sealed class BareClient(Socket socket, PreparedPull[] queues, long perQueue, bool floor)
    {
        private const int BufferLength = 256 * 1024;

        private readonly byte[] _buffer = new byte[BufferLength];
        private int _start;
        private int _end;
        private int _open = queues.Length;

        // Kept until the next one, as the last body of a consumer would be.
        private byte[] _body = [];

        public void PullAll()
        {
            foreach (var queue in queues)
            {
                queue.Send(socket);
            }

            while (_open > 0)
            {
                while (_open > 0 && TryTake())
                {
                    // More frames may have come with the last read.
                }

                if (_open > 0)
                {
                    Receive();
                }
            }
        }

        private bool TryTake()
        {
            var received = _buffer.AsSpan(_start, _end - _start);
            if (received.Length < 8)
            {
                return false;
            }

            var frame = new FrameLengths(received);
            if (received.Length < 8 + frame.Header || (!floor && received.Length < 8 + frame.Header + frame.Body))
            {
                return frame.Header + frame.Body + 8 > BufferLength
                    ? throw new InvalidOperationException($"an answer of {frame.Body} bytes is longer than the buffer")
                    : false;
            }

            var header = received.Slice(8, frame.Header);
            var queue = queues[BareHeader.Number(header, "\"opaque\":"u8)];
            var next = BareHeader.IsFound(header) ? BareHeader.Number(header, "\"nextBeginOffset\":\""u8) : queue.Offset;
            _start += 8 + frame.Header;
            if (floor)
            {
                TakeBody(frame.Body);
            }
            else
            {
                _start += frame.Body;
            }

            if (next >= perQueue || next == queue.Offset)
            {
                (queue.Offset, _open) = (next, _open - 1);
                return true;
            }

            queue.Offset = next;
            queue.Send(socket);
            return true;
        }

        private void TakeBody(int length)
        {
            _body = GC.AllocateUninitializedArray<byte>(length);
            var have = Math.Min(length, _end - _start);
            _buffer.AsSpan(_start, have).CopyTo(_body);
            _start += have;
            while (have < length)
            {
                have += Whole(socket.Receive(_body.AsSpan(have)));
            }
        }

        private void Receive()
        {
            if (_start == _end)
            {
                _start = _end = 0;
            }
            else if (_buffer.Length - _end < BufferLength / 4)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }

            _end += Whole(socket.Receive(_buffer.AsSpan(_end)));
        }

        private static int Whole(int received) => received > 0 ? received : throw new EndOfStreamException("the broker has gone");
    }
}
