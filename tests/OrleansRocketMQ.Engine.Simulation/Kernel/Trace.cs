using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>What has happened in a run, and a number that tells two runs apart. Keeps the last events only.</summary>
internal sealed class Trace(int kept = 0)
{
    private const ulong Basis = 14695981039346656037;
    private const ulong Prime = 1099511628211;

    private readonly Entry[] _entries = new Entry[kept];
    private ulong _digest = Basis;

    /// <summary>Two runs with the same digest have done the same, step by step.</summary>
    public ulong Digest => _digest;

    /// <summary>Events noted.</summary>
    public long Count { get; private set; }

    public static ulong Hash(string text)
    {
        var hash = Basis;
        foreach (var letter in text)
        {
            hash = (hash ^ letter) * Prime;
        }

        return hash;
    }

    /// <summary>Something has happened.</summary>
    /// <param name="at">When, in ticks of the run.</param>
    /// <param name="what">What.</param>
    /// <param name="who">To whom.</param>
    /// <param name="first">A number that belongs to it.</param>
    /// <param name="second">Another one.</param>
    public void Note(long at, string what, string who, long first = -1, long second = -1)
    {
        Mix((ulong)at);
        Mix(Hash(what));
        Mix(Hash(who));
        Mix((ulong)first);
        Mix((ulong)second);
        if (kept > 0)
        {
            _entries[Count % kept] = new Entry(at, what, who, first, second);
        }

        Count++;
    }

    /// <summary>A step was taken that nobody needs to read of.</summary>
    public void Step(long number) => Mix((ulong)number);

    /// <summary>The last events, one a line.</summary>
    public string Tell(int most)
    {
        var text = new StringBuilder();
        for (var index = Math.Max(0, Count - Math.Min(most, _entries.Length)); index < Count; index++)
        {
            var entry = _entries[index % _entries.Length];
            text.Append(
                CultureInfo.InvariantCulture, $"{TimeSpan.FromTicks(entry.At).TotalSeconds,10:0.000000}  {entry.Who,-14} {entry.What}");
            foreach (var number in new[] { entry.First, entry.Second })
            {
                if (number != -1)
                {
                    text.Append(CultureInfo.InvariantCulture, $" {number}");
                }
            }

            text.AppendLine();
        }

        return text.ToString();
    }

    private void Mix(ulong value) => _digest = unchecked((_digest ^ value) * Prime) ^ (_digest >> 29);

    private readonly record struct Entry(long At, string What, string Who, long First, long Second);
}
