using System.Diagnostics.CodeAnalysis;
using OrleansRocketMQ.Engine.Contracts;

namespace OrleansRocketMQ.Engine.Pop;

/// <summary>
/// The messages of a pop in order, as they lie in their queue: the broker hears of one that is done when it has heard of all
/// before it. A broker that has forgotten what it gave, or never knew it since it is another master, takes an acknowledgement for
/// an offset, and what lies before that would be lost. Used within the lock of <see cref="PopBook"/>.
/// </summary>
/// <param name="before">What was done ahead in the last pop of whoever had the queue before.</param>
internal sealed class PopLine(DoneAhead? before)
{
    private readonly Queue<PopEntry> _line = new();
    private readonly Dictionary<long, string> _doneAhead = before is null ? [] : new(before.MessageIds);

    // The first that comes again, since it was given back.
    private long? _from = before?.From;
    private long _keptUntil;

    /// <summary>What is done behind one that is not; null when nothing is.</summary>
    public DoneAhead? DoneAhead
    {
        get
        {
            var from = _from ?? (_line.TryPeek(out var first) ? first.Key.QueueOffset : 0);
            var done = new Dictionary<long, string>(_doneAhead);
            foreach (var entry in _line.Where(static entry => entry.Receipt.Step == PopStep.Done))
            {
                done[entry.Key.QueueOffset] = entry.MessageId;
            }

            return done.Count > 0 ? new(from, done) : null;
        }
    }

    /// <summary>The queue goes on elsewhere: what is done ahead may be wanted again.</summary>
    public void ForgetDone() => _doneAhead.Clear();

    /// <summary>One more has come; those of an earlier pop are gone when those of the next one come.</summary>
    public void Add(PopEntry entry, string messageId)
    {
        if (_line.Count == 0)
        {
            _doneAhead.Clear();
            (_from, _keptUntil) = (null, long.MinValue);
        }

        entry.IsInLine = true;
        entry.MessageId = messageId;
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
                _from ??= done.Key.QueueOffset;
                continue;
            }

            done.Receipt = done.Receipt.KeptUntil(_keptUntil);
            _keptUntil = done.Receipt.HiddenUntil;
            if (_from is not null)
            {
                _doneAhead[done.Key.QueueOffset] = done.MessageId;
                done.Receipt = done.Receipt.ComeAgain();
            }

            return true;
        }

        done = null;
        return false;
    }
}
