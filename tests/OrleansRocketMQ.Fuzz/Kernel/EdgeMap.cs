using System.Numerics;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>
/// Which branches an input took, and whether one was new. SharpFuzz puts the counting into copies of the assemblies (see
/// <see cref="Instrumentation"/>); where nothing counts, nothing is ever new and inputs are changed blindly.
/// </summary>
internal sealed unsafe class EdgeMap
{
    private const int Size = 1 << 16;

    // One for the process, and never given back: instrumented code writes into it whenever it runs.
    private static readonly byte* s_counts = Allocated();

    // For each branch, the orders of magnitude of counts that were seen.
    private readonly byte[] _seen = new byte[Size];

    /// <summary>Branches seen so far.</summary>
    public int Count { get; private set; }

    public static void Begin()
    {
        new Span<byte>(s_counts, Size).Clear();
        Trace.PrevLocation = 0;
    }

    /// <summary>Takes in what the input did.</summary>
    /// <returns>Whether it took a branch that none has taken, or took one far more often.</returns>
    public bool Add()
    {
        var isNew = false;
        var words = new Span<ulong>(s_counts, Size / sizeof(ulong));
        for (var word = 0; word < words.Length; word++)
        {
            if (words[word] != 0)
            {
                isNew |= AddWord(word * sizeof(ulong));
            }
        }

        return isNew;
    }

    /// <summary>Before anything instrumented runs.</summary>
    public static void Prepare() => Trace.SharedMem = s_counts;

    private static byte* Allocated() => (byte*)NativeMemory.AllocZeroed(Size);

    private bool AddWord(int from)
    {
        var isNew = false;
        for (var edge = from; edge < from + sizeof(ulong); edge++)
        {
            if (s_counts[edge] != 0)
            {
                var magnitude = (byte)(1 << BitOperations.Log2(s_counts[edge]));
                if ((_seen[edge] & magnitude) == 0)
                {
                    Count += _seen[edge] == 0 ? 1 : 0;
                    _seen[edge] |= magnitude;
                    isNew = true;
                }
            }
        }

        return isNew;
    }
}
