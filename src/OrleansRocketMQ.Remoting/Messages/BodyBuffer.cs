using System.Buffers;

namespace OrleansRocketMQ;

/// <summary>
/// Collects a decompressed body of a size nobody knows before, in pieces of a pool: a body larger than the limit is refused
/// before the memory for it is taken, and what is kept in the end is exactly as long as the body. Not thread-safe.
/// </summary>
internal sealed class BodyBuffer(int limit) : IDisposable
{
    private const int PieceLength = 64 * 1024;

    private readonly List<byte[]> _pieces = [];

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    public static InvalidDataException TooLarge(int limit) => new($"it decompresses to more than {limit} bytes, the most allowed");

    /// <summary>Refuses data that says it holds more than fits.</summary>
    /// <exception cref="InvalidDataException">That is more than the limit.</exception>
    public void Expect(ulong more)
    {
        if (more > (ulong)(limit - Length))
        {
            throw TooLarge(limit);
        }
    }

    /// <summary>Appends everything of a stream.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="fillsUpToItsEnd">Whether it gives less than it is asked for at its end only, and must then not be asked again.</param>
    /// <exception cref="InvalidDataException">That is more than the limit.</exception>
    public void AppendAll(Stream stream, bool fillsUpToItsEnd)
    {
        while (true)
        {
            if (Length == limit)
            {
                if (stream.ReadByte() < 0)
                {
                    return;
                }

                throw TooLarge(limit);
            }

            var used = Length % PieceLength;
            if (Length == _pieces.Count * PieceLength)
            {
                _pieces.Add(ArrayPool<byte>.Shared.Rent(PieceLength));
            }

            var room = Math.Min(PieceLength - used, limit - Length);
            var read = stream.Read(_pieces[^1], used, room);
            Length += read;
            if (read == 0 || (fillsUpToItsEnd && read < room))
            {
                return;
            }
        }
    }

    public byte[] ToArray()
    {
        var body = GC.AllocateUninitializedArray<byte>(Length);
        for (var index = 0; index < _pieces.Count; index++)
        {
            var start = index * PieceLength;
            _pieces[index].AsSpan(0, Math.Min(PieceLength, Length - start)).CopyTo(body.AsSpan(start));
        }

        return body;
    }

    public void Dispose()
    {
        foreach (var piece in _pieces)
        {
            ArrayPool<byte>.Shared.Return(piece);
        }

        _pieces.Clear();
    }
}
