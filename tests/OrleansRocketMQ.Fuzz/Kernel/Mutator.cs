using System.Buffers.Binary;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>Changes inputs by chance: bits, numbers that stand at edges, blocks, words of the target, halves of other inputs.</summary>
/// <param name="random">The chance.</param>
/// <param name="words">Words that mean something to the target.</param>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> words)
{
    private const int MostChanges = 6;
    private const int LongestBlock = 64;

    private static readonly long[] Edges =
    [
        0, 1, -1, 2, 7, 8, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1023, 1024, 4095, 4096, short.MaxValue, short.MinValue, ushort.MaxValue,
        65536, 1 << 20, 1 << 24, int.MaxValue - 1, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue, long.MinValue,
    ];

    /// <summary>Changes an input in one to six places, mostly in few.</summary>
    /// <param name="input">What is changed.</param>
    /// <param name="other">An input to take pieces from.</param>
    public void Change(FuzzBuffer input, ReadOnlySpan<byte> other)
    {
        for (var left = 1 + random.Next(random.Next(MostChanges) + 1); left > 0; left--)
        {
            ChangeOnce(input, other);
        }
    }

    private void ChangeOnce(FuzzBuffer input, ReadOnlySpan<byte> other)
    {
        if (input.Length == 0)
        {
            input.Insert(0, Block(other));
            return;
        }

        var at = random.Next(input.Length);
        var span = input.Span;
        switch (random.Next(words.Count > 0 ? 12 : 10))
        {
            case 0:
                span[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                span[at] = (byte)random.Next(256);
                break;
            case 2:
                span[at] += (byte)random.Next(-8, 9);
                break;
            case 3:
                WriteEdge(span[at..]);
                break;
            case 4:
                input.Remove(at, random.Next(1, Math.Min(LongestBlock, input.Length - at) + 1));
                break;
            case 5:
                input.Insert(at, Block(span));
                break;
            case 6:
                input.Overwrite(at, Block(span));
                break;
            case 7:
                input.Insert(at, Block(other));
                break;
            case 8:
                Splice(input, at, other);
                break;
            case 9:
                ChangeDigit(span, at);
                break;
            default:
                PutWord(input, at);
                break;
        }
    }

    private void WriteEdge(Span<byte> at)
    {
        var value = Edges[random.Next(Edges.Length)];
        switch (random.Next(3))
        {
            case 0 when at.Length >= 2:
                BinaryPrimitives.WriteInt16BigEndian(at, (short)value);
                break;
            case 1 when at.Length >= 8:
                BinaryPrimitives.WriteInt64BigEndian(at, value);
                break;
            default:
                if (at.Length >= 4)
                {
                    BinaryPrimitives.WriteInt32BigEndian(at, (int)value);
                }
                else
                {
                    at[0] = (byte)value;
                }

                break;
        }
    }

    // The end of another input takes the place of this one's.
    private void Splice(FuzzBuffer input, int at, ReadOnlySpan<byte> other)
    {
        if (other.Length > 0 && random.Next(4) == 0)
        {
            input.Cut(at);
            input.Insert(at, other[random.Next(other.Length)..]);
        }
        else
        {
            input.Cut(Math.Max(at, 1));
        }
    }

    // In text, numbers are what lengths are in bytes.
    private void ChangeDigit(Span<byte> span, int from)
    {
        var digit = span[from..].IndexOfAnyInRange((byte)'0', (byte)'9');
        if (digit >= 0)
        {
            span[from + digit] = (byte)('0' + random.Next(10));
        }
        else
        {
            span[from] ^= 0x20;
        }
    }

    private void PutWord(FuzzBuffer input, int at)
    {
        var word = words[random.Next(words.Count)];
        if (random.Next(2) == 0)
        {
            input.Insert(at, word);
        }
        else
        {
            input.Overwrite(at, word);
        }
    }

    private ReadOnlySpan<byte> Block(ReadOnlySpan<byte> from)
    {
        if (from.IsEmpty)
        {
            return "0"u8;
        }

        var start = random.Next(from.Length);
        return from.Slice(start, random.Next(1, Math.Min(LongestBlock, from.Length - start) + 1)).ToArray();
    }
}
