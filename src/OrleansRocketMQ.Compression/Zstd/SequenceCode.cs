namespace OrleansRocketMQ.Compression;

/// <summary>
/// One of the three parts of a sequence: how its codes are to be read, and the table a block has when it uses the
/// predefined distribution (RFC 8878, 3.1.1.3.2.1 and 3.1.1.3.2.2). Immutable.
/// </summary>
internal sealed class SequenceCode
{
    private readonly uint[] _baselines;
    private readonly byte[] _extraBits;

    private SequenceCode(string name, int maxAccuracyLog, int predefinedAccuracyLog, short[] predefined, uint[] baselines, byte[] extraBits)
    {
        Name = name;
        MaxAccuracyLog = maxAccuracyLog;
        Predefined = new FseTable(predefined, predefinedAccuracyLog);
        _baselines = baselines;
        _extraBits = extraBits;
    }

    public static SequenceCode LiteralLength { get; } = new(
        "literal lengths",
        maxAccuracyLog: 9,
        predefinedAccuracyLog: 6,
        [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
        [
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64,
            128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536,
        ],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

    public static SequenceCode MatchLength { get; } = new(
        "match lengths",
        maxAccuracyLog: 9,
        predefinedAccuracyLog: 6,
        [
            1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
        ],
        [
            3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
            35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539,
        ],
        [
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
        ]);

    /// <summary>The code is the number of extra bits itself.</summary>
    public static SequenceCode Offset { get; } = new(
        "offsets",
        maxAccuracyLog: 8,
        predefinedAccuracyLog: 5,
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
        [.. Enumerable.Range(0, 32).Select(code => 1U << code)],
        [.. Enumerable.Range(0, 32).Select(code => (byte)code)]);

    public string Name { get; }

    public int MaxAccuracyLog { get; }

    public int MaxSymbol => _baselines.Length - 1;

    public FseTable Predefined { get; }

    /// <summary>The table a block says it has.</summary>
    /// <param name="reader">Stands behind its description afterwards.</param>
    /// <param name="mode">The mode the block's header gives for it.</param>
    /// <param name="previous">The table of the frame's last block that had one.</param>
    public FseTable Read(ref CompressedReader reader, int mode, FseTable? previous) => mode switch
    {
        0 => Predefined,
        1 => FseTable.Repeating(CheckedSymbol(reader.Byte($"the one code of {Name}"))),
        2 => FseTable.Read(ref reader, MaxAccuracyLog, MaxSymbol, Name),
        _ => previous ?? throw new InvalidDataException($"the table of {Name} of an earlier block, and there is none"),
    };

    public uint Value(byte symbol, ref BackwardBits bits) => _baselines[symbol] + bits.Read(_extraBits[symbol]);

    private byte CheckedSymbol(byte symbol) => symbol <= MaxSymbol
        ? symbol
        : throw new InvalidDataException($"code {symbol} of {Name} where {MaxSymbol} is the largest");
}
