namespace OrleansRocketMQ.Compression;

/// <summary>How large bodies may be.</summary>
internal static class DecompressionLimits
{
    /// <summary>No sane message is larger. Consumers ask for less, see <see cref="MessageDecoderOptions.MaxDecompressedLength"/>.</summary>
    public const int DefaultMaxBodyLength = 64 * 1024 * 1024;

    public static int Check(int maxBodyLength) => maxBodyLength is >= 1 and <= 1024 * 1024 * 1024
        ? maxBodyLength
        : throw new RocketMQValidationException(nameof(maxBodyLength), maxBodyLength, "1 to 1073741824 bytes");
}
