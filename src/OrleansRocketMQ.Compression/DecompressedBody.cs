namespace OrleansRocketMQ.Compression;

/// <summary>
/// The bytes decompressed so far, in one array that grows up to a limit: a body that claims or turns out to be larger is
/// refused before the memory for it is taken. Matches are copied within it. Not thread-safe.
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

    public ReadOnlySpan<byte> From(int start) => _bytes.AsSpan(start, Length - start);

    /// <summary>Makes room at once for what the data says it holds.</summary>
    /// <exception cref="InvalidDataException">That is more than the limit.</exception>
    public void Expect(ulong more)
    {
        if (more > (ulong)(limit - Length))
        {
            throw TooLarge();
        }

        Reserve((int)Math.Min(more, MostBelieved));
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    public void AppendRun(byte value, int count)
    {
        Reserve(count);
        _bytes.AsSpan(Length, count).Fill(value);
        Length += count;
    }

    /// <summary>Repeats what was written <paramref name="offset"/> bytes ago; the two ranges may overlap.</summary>
    /// <remarks>The caller has checked that the offset is from 1 to <see cref="Length"/>.</remarks>
    public void AppendMatch(int offset, int count)
    {
        Reserve(count);
        var target = _bytes.AsSpan(Length, count);
        var source = Length - offset;
        Length += count;
        if (offset == 1)
        {
            target.Fill(_bytes[source]);
            return;
        }

        // What repeats has the length of the offset at first, and doubles with each copy.
        while (target.Length > offset)
        {
            _bytes.AsSpan(source, offset).CopyTo(target);
            target = target[offset..];
            offset *= 2;
        }

        _bytes.AsSpan(source, target.Length).CopyTo(target);
    }

    private void Reserve(int more)
    {
        if (more > limit - Length)
        {
            throw TooLarge();
        }

        var needed = Length + more;
        if (needed > _bytes.Length)
        {
            var size = Math.Min(limit, Math.Max(Math.Max(SmallestArray, needed), _bytes.Length * 2L));
            Array.Resize(ref _bytes, (int)size);
        }
    }

    private InvalidDataException TooLarge() => new($"decompresses to more than {limit} bytes");
}
