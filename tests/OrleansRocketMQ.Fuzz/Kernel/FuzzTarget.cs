namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>A decoder of bytes or text that come from outside, and what has to hold whatever they are.</summary>
internal abstract class FuzzTarget
{
    /// <summary>What it is called on the command line, and its corpus's file.</summary>
    public abstract string Name { get; }

    /// <summary>The types whose lines are to be reached, as the files they lie in: <c>FrameReader</c> is <c>FrameReader.cs</c>.</summary>
    public abstract IReadOnlyList<string> Decoders { get; }

    /// <summary>How many inputs the long run gives it.</summary>
    public virtual long LongRun => 1_000_000;

    /// <summary>Bytes that may be allocated for an input of a length. What a peer announces must not count, only what it has sent.</summary>
    public virtual long MayAllocate(int length) => 256 * 1024 + 400L * length;

    /// <summary>Of a thousand inputs, those that must be taken: else hardly anything but the refusal is tried.</summary>
    public virtual double TakenOf1000 => 10;

    /// <summary>Well-formed inputs to begin with.</summary>
    public abstract IEnumerable<byte[]> Seeds();

    /// <summary>Words that mean something to the decoder.</summary>
    public virtual IReadOnlyList<byte[]> Words => [];

    /// <summary>Makes the outer frame right again, so that what is wrong lies inside. Text has none.</summary>
    public virtual void Frame(FuzzBuffer input)
    {
    }

    /// <summary>Whether the outer frame is right.</summary>
    public virtual bool IsFramed(ReadOnlySpan<byte> input) => true;

    /// <summary>Gives the input to the decoder and holds what comes back against what must be.</summary>
    /// <returns>False when it was refused with the error its callers know.</returns>
    /// <exception cref="WrongSuccessException">It was taken, and what came back cannot be right.</exception>
    public abstract bool Accepts(byte[] input);

    /// <exception cref="WrongSuccessException">The condition does not hold.</exception>
    protected static void Must(bool condition, string rule)
    {
        if (!condition)
        {
            throw new WrongSuccessException(rule);
        }
    }
}

/// <summary>An input was taken for something it is not.</summary>
internal sealed class WrongSuccessException(string rule) : Exception(rule);
