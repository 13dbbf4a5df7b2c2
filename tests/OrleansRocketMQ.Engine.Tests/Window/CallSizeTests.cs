using System.Buffers;
using System.Net;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>What goes to a listener together fits into a call, and what is held in memory is charged as it is.</summary>
public sealed class CallSizeTests
{
    [Fact]
    public void A_call_takes_half_of_what_a_message_between_silos_may_be() => Assert.Equal(500, CallSize.MostOf(1000));

    [Fact]
    public void A_message_takes_what_is_stored_of_it_and_twice_as_much_where_only_this_silo_may_be_able_to_read_it()
    {
        var (plain, packed, foreign) = (TestMessages.At(0, bodyLength: 1000), Compressed(0, MessageSysFlag.Compressed), Compressed(0, Lz4));

        Assert.Equal(512 + plain.StoreSize, CallSize.Of(plain));
        Assert.Equal(512 + packed.StoreSize, CallSize.Of(packed));
        Assert.Equal(512 + (2 * foreign.StoreSize) + (foreign.Body.Length / 128), CallSize.Of(foreign));
        Assert.Equal(512 + TestMessages.At(0).StoreSize, CallSize.Of(TestMessages.At(0)));
        var named = Compressed(0, Lz4 & ~MessageSysFlag.Compressed);
        Assert.Equal(512 + named.StoreSize, CallSize.Of(named));
    }

    [Fact]
    public void As_many_messages_go_together_as_fit_and_one_at_least()
    {
        MessageExt[] messages = [.. Enumerable.Range(0, 5).Select(offset => TestMessages.At(offset))];
        var size = CallSize.Of(messages[0]);

        Assert.Equal(5, CallSize.Fitting(messages, 5 * size));
        Assert.Equal(4, CallSize.Fitting(messages, (5 * size) - 1));
        Assert.Equal(1, CallSize.Fitting(messages, size));
        Assert.Equal(1, CallSize.Fitting(messages, 1));
        Assert.Equal(0, CallSize.Fitting([], 1));
    }

    [Fact]
    public void A_lease_is_cut_where_a_call_would_be_too_large_be_it_of_new_messages_or_of_returned_ones()
    {
        var window = new ProcessQueue(0);
        window.Add([.. Enumerable.Range(0, 10).Select(offset => TestMessages.At(offset))], 10);
        var size = CallSize.Of(TestMessages.At(0));

        Assert.Equal(3, window.Lease(10, 3 * size).Messages.Count);
        Assert.Equal(2, window.Lease(10, (3 * size) - 1).Messages.Count);
        var rest = window.Lease(10, long.MaxValue);
        Assert.Equal(5, rest.Messages.Count);
        window.Return(rest);
        Assert.Equal(4, window.Lease(10, 4 * size).Messages.Count);
        Assert.Equal(1, window.Waiting);
        Assert.True(window.Lease(0).IsEmpty);
        Assert.Equal(1, window.Lease(10, 1).Messages.Count);
    }

    [Fact]
    public void A_body_that_was_decompressed_is_held_beside_its_pull_and_charged_until_it_is_done()
    {
        var budgets = new QueueQuotas(new(1000), new(1000), new(1_000_000), new(1_000_000));
        var window = new ProcessQueue(0, new QueueQuotaUsage(budgets));
        var message = Compressed(0, MessageSysFlag.Compressed);
        window.Add([message], 1);
        Assert.Equal(message.Buffer.Length + 4000, budgets.SiloBytes.Used);

        window.Lease(1).Complete();
        Assert.Equal(0, budgets.SiloBytes.Used);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_batch_is_charged_once_until_its_last_message_is_done_be_it_decompressed_or_a_part_of_its_pull(bool compressed)
    {
        var budgets = new QueueQuotas(new(1000), new(1000), new(1_000_000), new(1_000_000));
        var window = new ProcessQueue(0, new QueueQuotaUsage(budgets));
        var inner = MessageBatchCodec.Encode(Enumerable.Range(0, 3).Select(_ => new Message("T", new byte[1000])));
        var batch = Decode(0, MessageSysFlag.InnerBatch | MessageSysFlag.NeedUnwrap, compressed, inner);
        Assert.Equal(3, batch.Count);
        var held = batch[0].Buffer.Length + (compressed ? inner.Length : 0);
        window.Add([.. batch, TestMessages.At(3)], 4);
        var other = TestMessages.At(3).Buffer.Length;
        Assert.Equal((held + other, 3008L), ((int)budgets.SiloBytes.Used, window.Bytes));

        // The last of the batch stays: all of it is in memory.
        window.Lease(2).Complete();
        var last = window.Lease(1);
        window.Lease(1).Complete();
        Assert.Equal((held, 1000L), ((int)budgets.SiloBytes.Used, window.Bytes));

        last.Complete();
        Assert.Equal(0, budgets.SiloBytes.Used);
    }

    [Fact]
    public void A_body_in_memory_of_its_decompressors_own_is_charged_with_its_message()
    {
        var budgets = new QueueQuotas(new(1000), new(1000), new(1_000_000), new(1_000_000));
        var window = new ProcessQueue(0, new QueueQuotaUsage(budgets));
        using var memory = new OwnMemory(300);
        var messages = Enumerable.Range(0, 2).Select(offset => TestMessages.At(offset).WithBody(memory.Memory)).ToList();
        window.Add(messages, 2);
        Assert.Equal((2 * messages[0].Buffer.Length) + 600, budgets.SiloBytes.Used);

        window.Lease(1).Complete();
        Assert.Equal(messages[1].Buffer.Length + 300, budgets.SiloBytes.Used);
        window.Lease(1).Complete();
        Assert.Equal(0, budgets.SiloBytes.Used);
    }

    private const int Lz4 = MessageSysFlag.Compressed | (1 << 8);

    // A body of another compression that nobody here can read stays as it is.
    private static MessageExt Compressed(long offset, int flags) => flags == MessageSysFlag.Compressed
        ? Assert.Single(Decode(offset, 0, compressed: true, new byte[4000]))
        : Assert.Single(Decode(offset, flags, compressed: false, new byte[400]));

    private static IReadOnlyList<MessageExt> Decode(long offset, int flags, bool compressed, byte[] body) => MessageDecoder.DecodeAll(
        new StoredMessage
        {
            Topic = "T",
            Body = compressed ? ZlibDecompressor.Compress(body) : body,
            SysFlag = flags | (compressed ? MessageSysFlag.Compressed : 0),
            QueueOffset = offset,
            BornHost = new IPEndPoint(IPAddress.Loopback, 1),
            StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
        }.Encode(),
        "broker-a");

    private sealed class OwnMemory(int length) : MemoryManager<byte>
    {
        private readonly byte[] _bytes = new byte[length];

        public override Span<byte> GetSpan() => _bytes;

        public override MemoryHandle Pin(int elementIndex = 0) => throw new NotSupportedException();

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
