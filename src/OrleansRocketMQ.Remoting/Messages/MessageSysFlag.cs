namespace OrleansRocketMQ;

/// <summary>Bits of a message's system flag, as in <c>MessageSysFlag</c>.</summary>
public static class MessageSysFlag
{
    /// <summary>The body is stored compressed.</summary>
    public const int Compressed = 0x1;

    /// <summary>The message carries several tags.</summary>
    public const int MultiTags = 0x2;

    /// <summary>Mask of the transaction state.</summary>
    public const int TransactionMask = 0xC;

    /// <summary>A half message of a transaction.</summary>
    public const int TransactionPrepared = 0x4;

    /// <summary>A committed message of a transaction.</summary>
    public const int TransactionCommit = 0x8;

    /// <summary>A rolled-back message of a transaction.</summary>
    public const int TransactionRollback = 0xC;

    /// <summary>The born host is an IPv6 address.</summary>
    public const int BornHostV6 = 0x10;

    /// <summary>The store host is an IPv6 address.</summary>
    public const int StoreHostV6 = 0x20;

    /// <summary>The receiver must take inner messages out of the body.</summary>
    public const int NeedUnwrap = 0x40;

    /// <summary>The body holds inner messages.</summary>
    public const int InnerBatch = 0x80;

    /// <summary>Mask of the compression type.</summary>
    public const int CompressionMask = 0x700;

    /// <summary>The compression of a body whose <see cref="Compressed"/> bit is set.</summary>
    public static CompressionType CompressionOf(int sysFlag) => ((sysFlag & CompressionMask) >> 8) switch
    {
        // 0 is what clients before 5.0 wrote; they knew only zlib.
        0 => CompressionType.Zlib,
        var type => (CompressionType)type,
    };
}

/// <summary>How a body is compressed, as in <c>org.apache.rocketmq.common.compression.CompressionType</c>.</summary>
public enum CompressionType
{
    /// <summary>LZ4 frame format.</summary>
    Lz4 = 1,

    /// <summary>Zstandard.</summary>
    Zstd = 2,

    /// <summary>zlib, RFC 1950.</summary>
    Zlib = 3,
}

/// <summary>Where a message stands in its transaction.</summary>
public enum TransactionState
{
    /// <summary>Not part of a transaction.</summary>
    None = 0,

    /// <summary>A half message, not yet to be seen by consumers.</summary>
    Prepared = 1,

    /// <summary>Committed.</summary>
    Committed = 2,

    /// <summary>Rolled back.</summary>
    RolledBack = 3,
}
