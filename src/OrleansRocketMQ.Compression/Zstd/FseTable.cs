using System.Numerics;

namespace OrleansRocketMQ.Compression;

/// <summary>A decoding table of finite state entropy: state to symbol and to the next state (RFC 8878, 4.1). Immutable.</summary>
internal sealed class FseTable
{
    private readonly Entry[] _entries;

    /// <summary>Builds the table of a distribution.</summary>
    /// <param name="counts">How many of the states each symbol has; -1: less than one.</param>
    /// <param name="accuracyLog">The binary logarithm of the number of states.</param>
    public FseTable(ReadOnlySpan<short> counts, int accuracyLog)
    {
        AccuracyLog = accuracyLog;
        var size = 1 << accuracyLog;
        var symbols = Spread(counts, size);
        Span<int> next = stackalloc int[counts.Length];
        for (var symbol = 0; symbol < counts.Length; symbol++)
        {
            next[symbol] = Math.Abs((int)counts[symbol]);
        }

        _entries = new Entry[size];
        for (var state = 0; state < size; state++)
        {
            var symbol = symbols[state];
            var position = next[symbol]++;
            var bits = accuracyLog - BitOperations.Log2((uint)position);
            _entries[state] = new(symbol, (byte)bits, (ushort)((position << bits) - size));
        }
    }

    // A single symbol: nothing needs to be read for it.
    private FseTable(byte symbol) => _entries = [new(symbol, 0, 0)];

    public int AccuracyLog { get; }

    public static FseTable Repeating(byte symbol) => new(symbol);

    /// <summary>Reads a distribution and builds its table.</summary>
    /// <param name="reader">Stands behind the description afterwards.</param>
    /// <param name="maxAccuracyLog">The largest accuracy allowed.</param>
    /// <param name="maxSymbol">The largest symbol allowed.</param>
    /// <param name="what">What the table is for.</param>
    public static FseTable Read(ref CompressedReader reader, int maxAccuracyLog, int maxSymbol, string what)
    {
        var description = reader;
        var bits = new ForwardBits(description.TakeRest());
        var accuracyLog = 5 + (int)bits.Read(4);
        if (accuracyLog > maxAccuracyLog)
        {
            throw new InvalidDataException($"the table of {what} has accuracy {accuracyLog} where {maxAccuracyLog} is the most");
        }

        Span<short> counts = stackalloc short[maxSymbol + 1];
        var used = 0;
        var left = 1 << accuracyLog;
        while (left > 0)
        {
            var count = ReadCount(ref bits, left);
            Add(counts, ref used, (short)count, what);
            left -= Math.Abs(count);
            if (count == 0)
            {
                AddZeros(ref bits, counts, ref used, what);
            }
        }

        reader.Take((uint)bits.BytesUsed, $"the table of {what}");
        return new(counts[..used], accuracyLog);
    }

    /// <summary>The state a stream begins with.</summary>
    public int Start(ref BackwardBits bits) => (int)bits.Read(AccuracyLog);

    public byte SymbolOf(int state) => _entries[state].Symbol;

    public int Next(int state, ref BackwardBits bits)
    {
        ref readonly var entry = ref _entries[state];
        return entry.Baseline + (int)bits.Read(entry.Bits);
    }

    // Values below a threshold take one bit less: only as many as needed can occur.
    private static int ReadCount(ref ForwardBits bits, int left)
    {
        var width = BitOperations.Log2((uint)left + 1) + 1;
        var threshold = (1 << width) - 1 - (left + 1);
        var low = (int)bits.Read(width - 1);
        if (low < threshold)
        {
            return low - 1;
        }

        var value = low | ((int)bits.Read(1) << (width - 1));
        return value < 1 << (width - 1) ? value - 1 : value - threshold - 1;
    }

    private static void AddZeros(ref ForwardBits bits, scoped Span<short> counts, ref int used, string what)
    {
        uint more;
        do
        {
            more = bits.Read(2);
            for (var zero = 0; zero < more; zero++)
            {
                Add(counts, ref used, 0, what);
            }
        }
        while (more == 3);
    }

    private static void Add(Span<short> counts, ref int used, short count, string what)
    {
        if (used == counts.Length)
        {
            throw new InvalidDataException($"the table of {what} has more than {counts.Length} symbols");
        }

        counts[used++] = count;
    }

    // Rare symbols get the last states; the others are strewn over the rest by a fixed step.
    private static byte[] Spread(ReadOnlySpan<short> counts, int size)
    {
        var symbols = new byte[size];
        var high = size;
        for (var symbol = 0; symbol < counts.Length; symbol++)
        {
            if (counts[symbol] == -1)
            {
                symbols[--high] = (byte)symbol;
            }
        }

        var step = (size >> 1) + (size >> 3) + 3;
        var position = 0;
        for (var symbol = 0; symbol < counts.Length; symbol++)
        {
            for (var count = 0; count < counts[symbol]; count++)
            {
                symbols[position] = (byte)symbol;
                do
                {
                    position = (position + step) & (size - 1);
                }
                while (position >= high);
            }
        }

        return symbols;
    }

    private readonly record struct Entry(byte Symbol, byte Bits, ushort Baseline);

    private ref struct ForwardBits(ReadOnlySpan<byte> bytes)
    {
        private readonly ReadOnlySpan<byte> _bytes = bytes;
        private int _position;

        public readonly int BytesUsed => (_position + 7) / 8;

        public uint Read(int count)
        {
            var value = 0U;
            for (var bit = 0; bit < count; bit++, _position++)
            {
                if (_position >> 3 >= _bytes.Length)
                {
                    throw new InvalidDataException("cut off inside of an FSE table");
                }

                value |= (uint)((_bytes[_position >> 3] >> (_position & 7)) & 1) << bit;
            }

            return value;
        }
    }
}
