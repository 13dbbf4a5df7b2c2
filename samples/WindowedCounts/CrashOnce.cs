namespace WindowedCounts;

/// <summary>Fails in the worst moment, once: the counts are written, and nobody is told.</summary>
internal sealed class CrashOnce(string page)
{
    private int _done;

    public void Now(string current)
    {
        if (current == page && Interlocked.Exchange(ref _done, 1) == 0)
        {
            Console.WriteLine("  a batch of /home fails after its counts were written; it comes again");
            throw new InvalidOperationException("The connection broke.");
        }
    }
}
