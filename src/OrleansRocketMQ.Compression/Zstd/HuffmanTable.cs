using System.Numerics;

namespace OrleansRocketMQ.Compression;

/// <summary>A decoding table of a Huffman code for literals (RFC 8878, 4.2). Immutable.</summary>
internal sealed class HuffmanTable
{
    private const int MaxBits = 11;
    private const int MaxSymbols = 256;
    private const int MaxWeightAccuracyLog = 6;
    private const string What = "the Huffman weights";

    private readonly Entry[] _entries;
    private readonly int _bits;

    private HuffmanTable(ReadOnlySpan<byte> weights, int bits)
    {
        _bits = bits;
        _entries = new Entry[1 << bits];
        var next = 0;

        // The rarest symbols have the lowest codes; a symbol takes as many entries as its weight says.
        for (var weight = 1; weight <= bits; weight++)
        {
            for (var symbol = 0; symbol < weights.Length; symbol++)
            {
                if (weights[symbol] == weight)
                {
                    var entries = 1 << (weight - 1);
                    _entries.AsSpan(next, entries).Fill(new((byte)symbol, (byte)(bits + 1 - weight)));
                    next += entries;
                }
            }
        }
    }

    public static HuffmanTable Read(ref CompressedReader reader)
    {
        Span<byte> weights = stackalloc byte[MaxSymbols];
        var header = reader.Byte(What);
        var count = header >= 128
            ? ReadDirect(reader.Take((uint)(header - 126) / 2, What), weights[..(header - 127)])
            : ReadCompressed(reader.Take(header, What), weights[..(MaxSymbols - 1)]);

        // The last weight is not written: it is what the sum lacks to a power of two.
        var sum = 0U;
        foreach (var weight in weights[..count])
        {
            if (weight > MaxBits)
            {
                throw new InvalidDataException($"a Huffman weight of {weight} where {MaxBits} is the most");
            }

            sum += weight == 0 ? 0 : 1U << (weight - 1);
        }

        var bits = sum == 0 ? 0 : BitOperations.Log2(sum) + 1;
        var rest = (1U << bits) - sum;
        if (sum == 0 || bits > MaxBits || !BitOperations.IsPow2(rest))
        {
            throw new InvalidDataException("the Huffman weights make no code");
        }

        weights[count] = (byte)(BitOperations.Log2(rest) + 1);
        return new(weights[..(count + 1)], bits);
    }

    /// <summary>Decodes a stream that holds exactly as many literals as there is room for.</summary>
    public void Decode(ReadOnlySpan<byte> stream, Span<byte> literals)
    {
        var bits = new BackwardBits(stream, "literals");
        for (var index = 0; index < literals.Length; index++)
        {
            var entry = _entries[bits.Peek(_bits)];
            bits.Skip(entry.Bits);
            literals[index] = entry.Symbol;
        }

        if (bits.Left != 0)
        {
            throw new InvalidDataException("a stream of Huffman codes is longer or shorter than its literals");
        }
    }

    private static int ReadDirect(ReadOnlySpan<byte> bytes, Span<byte> weights)
    {
        for (var index = 0; index < weights.Length; index++)
        {
            var pair = bytes[index / 2];
            weights[index] = (byte)(index % 2 == 0 ? pair >> 4 : pair & 0x0F);
        }

        return weights.Length;
    }

    // Two states take turns; when one wants more bits than there are, the other's symbol is the last.
    private static int ReadCompressed(ReadOnlySpan<byte> bytes, Span<byte> weights)
    {
        var reader = new CompressedReader(bytes);
        var table = FseTable.Read(ref reader, MaxWeightAccuracyLog, byte.MaxValue, What);
        var bits = new BackwardBits(reader.TakeRest(), What);
        var current = table.Start(ref bits);
        var other = table.Start(ref bits);
        if (bits.Left < 0)
        {
            throw new InvalidDataException("cut off inside of the Huffman weights");
        }

        var count = 0;
        while (bits.Left >= 0)
        {
            Add(weights, ref count, table.SymbolOf(current));
            (current, other) = (other, table.Next(current, ref bits));
        }

        Add(weights, ref count, table.SymbolOf(current));
        return count;
    }

    private static void Add(Span<byte> weights, ref int count, byte weight)
    {
        if (count == weights.Length)
        {
            throw new InvalidDataException($"more than {weights.Length} Huffman weights");
        }

        weights[count++] = weight;
    }

    private readonly record struct Entry(byte Symbol, byte Bits);
}
