using System.Diagnostics;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>What came of a run.</summary>
/// <param name="Target">Which decoder.</param>
/// <param name="Inputs">Inputs given to it.</param>
/// <param name="Framed">Those with a right outer frame.</param>
/// <param name="Accepted">Those that were taken.</param>
/// <param name="Edges">Branches reached; 0: not counted.</param>
/// <param name="Corpus">Inputs that reach what the given ones do not.</param>
/// <param name="Took">How long it took.</param>
/// <param name="Failures">What went wrong, at most one of each kind.</param>
internal sealed record FuzzReport(
    string Target, long Inputs, long Framed, long Accepted, int Edges, IReadOnlyList<byte[]> Corpus, TimeSpan Took, IReadOnlyList<FuzzFailure> Failures);

/// <summary>An input on which something went wrong, made as short as it gets.</summary>
internal sealed record FuzzFailure(string What, byte[] Input);

/// <summary>Gives one decoder inputs by chance, guided by the branches they take. One thread; the same seed gives the same inputs.</summary>
internal sealed class FuzzRun
{
    // Of 100 inputs, those whose outer frame is made right again. What is left is mostly not right.
    private const int FramedOf100 = 93;
    private const int MostKept = 4000;

    private readonly FuzzTarget _target;
    private readonly Random _random;
    private readonly Mutator _mutator;
    private readonly Hangs _hangs;
    private readonly List<byte[]> _corpus = [];
    private readonly Dictionary<string, FuzzFailure> _failures = [];
    private readonly FuzzBuffer _buffer = new();
    private long _framed;
    private long _accepted;

    /// <param name="target">The decoder.</param>
    /// <param name="seed">Of chance.</param>
    /// <param name="corpus">Inputs that former runs have found worth keeping.</param>
    /// <param name="hangs">Ends the process when an input takes too long.</param>
    public FuzzRun(FuzzTarget target, int seed, IEnumerable<byte[]> corpus, Hangs hangs)
    {
        (_target, _random, _hangs) = (target, new Random(seed), hangs);
        _mutator = new Mutator(_random, target.Words);
        _corpus.AddRange(target.Seeds());
        _corpus.AddRange(corpus);
    }

    public FuzzReport Run(long inputs)
    {
        var begun = Stopwatch.GetTimestamp();
        var edges = new EdgeMap();
        foreach (var known in _corpus)
        {
            EdgeMap.Begin();
            Try(known);
            edges.Add();
        }

        // Of the inputs that are made: those above are known to be taken.
        _accepted = 0;
        for (var number = 0L; number < inputs; number++)
        {
            var input = Next();
            EdgeMap.Begin();
            Try(input);
            if (edges.Add() && _corpus.Count < MostKept)
            {
                _corpus.Add(input);
            }
        }

        return new(_target.Name, inputs, _framed, _accepted, edges.Count, WorthKeeping(), Stopwatch.GetElapsedTime(begun), [.. _failures.Values]);
    }

    // What reaches all that the given inputs do not, by the shortest inputs.
    private List<byte[]> WorthKeeping()
    {
        var edges = new EdgeMap();
        var kept = new List<byte[]>();
        var given = _target.Seeds().ToList();
        foreach (var input in given.Concat(_corpus.Skip(given.Count).OrderBy(input => input.Length)))
        {
            EdgeMap.Begin();
            Try(input);
            if (edges.Add())
            {
                kept.Add(input);
            }
        }

        return [.. kept.Skip(kept.FindLastIndex(given.Contains) + 1)];
    }

    // What was found last has been tried least.
    private byte[] Next()
    {
        var newest = _corpus.Count - 1 - Math.Min(_random.Next(_corpus.Count), _random.Next(_corpus.Count));
        _buffer.Set(_corpus[newest]);
        _mutator.Change(_buffer, _corpus[_random.Next(_corpus.Count)]);
        if (_random.Next(100) < FramedOf100)
        {
            _target.Frame(_buffer);
        }

        var input = _buffer.Span.ToArray();
        _framed += _target.IsFramed(input) ? 1 : 0;
        return input;
    }

    private void Try(byte[] input)
    {
        if (Complaint(input, out var isAccepted) is { } complaint && !_failures.ContainsKey(complaint))
        {
            _failures.Add(complaint, new(complaint, Shortened(input, complaint)));
        }

        _accepted += isAccepted ? 1 : 0;
    }

    /// <summary>Gives an input to the decoder.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    private string? Complaint(byte[] input, out bool isAccepted)
    {
        isAccepted = false;
        _hangs.Begin(_target.Name, input);
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            isAccepted = _target.Accepts(input);
        }
        catch (WrongSuccessException exception)
        {
            return $"taken wrongly: {exception.Message}";
        }
#pragma warning disable CA1031 // Whatever it is, it is what this program looks for.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return $"{exception.GetType().Name} at {exception.StackTrace?.Split('\n')[0].Trim()}";
        }
        finally
        {
            _hangs.End();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before > _target.MayAllocate(input.Length) ? "too much memory for so few bytes" : null;
    }

    // Takes away what is not needed for the same complaint, in ever smaller pieces.
    private byte[] Shortened(byte[] input, string complaint)
    {
        for (var piece = input.Length / 2; piece > 0; piece /= 2)
        {
            for (var at = 0; at + piece <= input.Length;)
            {
                byte[] shorter = [.. input.AsSpan(0, at), .. input.AsSpan(at + piece)];
                if (Complaint(shorter, out _) == complaint)
                {
                    input = shorter;
                }
                else
                {
                    at += piece;
                }
            }
        }

        return input;
    }
}
