namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// How many bytes messages are in a grain call to another silo. A call above Orleans' limit ends the connection between
/// the silos, with all that is on it, so runs are cut before.
/// </summary>
internal static class CallSize
{
    // Names, ids and the frame around each.
    private const int Overhead = 512;

    /// <summary>What the messages of one call may be together: half of what Orleans lets pass, since these are estimates.</summary>
    public static long MostOf(int maxMessageBodySize) => maxMessageBodySize / 2;

    public static long Of(MessageExt message)
    {
        var isCompressed = (message.SysFlag & MessageSysFlag.Compressed) != 0;

        // What only this silo may be able to decompress goes along in another compression, too.
        return Overhead + message.StoreSize + (isCompressed && MessageSysFlag.CompressionOf(message.SysFlag) != CompressionType.Zlib
            ? message.StoreSize + (message.BodyLength / 128)
            : 0);
    }

    /// <summary>How many messages, from the first on, go together; at least one.</summary>
    public static int Fitting(ReadOnlySpan<MessageExt> messages, long most)
    {
        var bytes = 0L;
        for (var index = 0; index < messages.Length; index++)
        {
            bytes += Of(messages[index]);
            if (bytes > most && index > 0)
            {
                return index;
            }
        }

        return messages.Length;
    }
}
