namespace OrleansRocketMQ.Compression;

/// <summary>
/// The bytes decompressed so far, in one array that grows up to a limit: a body that claims or turns out to be larger is
/// refused before the memory for it is taken. Not thread-safe.
/// </summary>
internal sealed class DecompressedBody(int limit)
{
    private const int SmallestArray = 256;

    // A size that data merely claims is believed up to here; beyond, the array grows with what is really there.
    private const int MostBelieved = 1024 * 1024;

    private byte[] _bytes = [];

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Length);

    /// <summary>Makes room at once for what the data says it holds.</summary>
    /// <exception cref="InvalidDataException">That is more than the limit.</exception>
    public void Expect(ulong more)
    {
        if (more > (ulong)(limit - Length))
        {
            throw DecompressionLimits.TooLarge(limit);
        }

        Reserve((int)Math.Min(more, MostBelieved));
    }

    /// <summary>Appends everything of a stream that fills what it is given, except at its end.</summary>
    /// <exception cref="InvalidDataException">That is more than the limit.</exception>
    public void AppendAll(Stream stream)
    {
        while (true)
        {
            if (Length == _bytes.Length)
            {
                if (Length == limit)
                {
                    if (stream.ReadByte() < 0)
                    {
                        return;
                    }

                    throw DecompressionLimits.TooLarge(limit);
                }

                Reserve(1);
            }

            var room = _bytes.Length - Length;
            var read = stream.Read(_bytes, Length, room);
            Length += read;
            if (read < room)
            {
                // Another read would begin with what follows the end.
                return;
            }
        }
    }

    private void Reserve(int more)
    {
        var needed = Length + more;
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, (int)Math.Min(limit, Math.Max(Math.Max(SmallestArray, needed), _bytes.Length * 2L)));
        }
    }
}
