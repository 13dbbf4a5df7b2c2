using System.Diagnostics.CodeAnalysis;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>
/// The messages of a pop in order, as they lie in their queue: the broker hears of one that is done when it has heard of all
/// before it. A broker that has forgotten what it gave, or never knew it since it is another master, takes an acknowledgement for
/// an offset, and what lies before that would be lost. Used within the lock of <see cref="PopBook"/>.
/// </summary>
internal sealed class PopLine
{
    private readonly Queue<PopEntry> _line = new();
    private bool _comesAgain;
    private long _keptUntil;

    /// <summary>One more has come; those of an earlier pop are gone when those of the next one come.</summary>
    public void Add(PopEntry entry)
    {
        if (_line.Count == 0)
        {
            (_comesAgain, _keptUntil) = (false, long.MinValue);
        }

        entry.IsInLine = true;
        _line.Enqueue(entry);
    }

    /// <summary>
    /// Takes out the next one that is done and whose turn it is. As long as one before it was held, and prolonged, the broker gave
    /// none of them to others. If one before it comes again, so does it.
    /// </summary>
    public bool TryTake([NotNullWhen(true)] out PopEntry? done)
    {
        while (_line.TryPeek(out done) && done.Receipt is { Step: PopStep.GivenBack } or { Step: PopStep.Done, IsAsked: false })
        {
            _line.Dequeue();
            done.IsInLine = false;
            if (done.Receipt.Step == PopStep.GivenBack)
            {
                _comesAgain = true;
                continue;
            }

            done.Receipt = done.Receipt.KeptUntil(_keptUntil);
            _keptUntil = done.Receipt.HiddenUntil;
            if (_comesAgain)
            {
                done.Receipt = done.Receipt.ComeAgain();
            }

            return true;
        }

        done = null;
        return false;
    }
}
