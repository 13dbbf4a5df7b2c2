using System.IO.Compression;
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
        Assert.True(message.BytesBesideBuffer > 0);
        window.Add([message], 1);
        Assert.Equal(message.Buffer.Length + message.BytesBesideBuffer, budgets.SiloBytes.Used);

        window.Lease(1).Complete();
        Assert.Equal(0, budgets.SiloBytes.Used);
    }

    private const int Lz4 = MessageSysFlag.Compressed | (1 << 8);

    private static MessageExt Compressed(long offset, int flags)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            zlib.Write(new byte[4000]);
        }

        // A body of another compression that nobody here can read stays as it is.
        var body = flags == MessageSysFlag.Compressed ? packed.ToArray() : new byte[400];
        return Assert.Single(MessageDecoder.DecodeAll(
            new StoredMessage
            {
                Topic = "T",
                Body = body,
                SysFlag = flags,
                QueueOffset = offset,
                BornHost = new IPEndPoint(IPAddress.Loopback, 1),
                StoreHost = new IPEndPoint(IPAddress.Loopback, 10911),
            }.Encode(),
            "broker-a"));
    }
}
