namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>
/// All that the host writes. On a terminal the last line is a live one that is written over, and everything else goes
/// above it; elsewhere, lines are just lines. Thread-safe.
/// </summary>
internal sealed class HostConsole(TextWriter output, bool isTerminal)
{
    private const string ClearLine = "\r\e[K";

    private readonly Lock _gate = new();
    private string _live = string.Empty;

    public bool IsTerminal => isTerminal;

    public void WriteLine(string text)
    {
        lock (_gate)
        {
            output.Write(_live.Length > 0 ? $"{ClearLine}{text}{Environment.NewLine}{_live}" : text + Environment.NewLine);
        }
    }

    /// <summary>Puts a live line in the place of the one before.</summary>
    public void ShowLive(string line)
    {
        if (!isTerminal)
        {
            WriteLine(line);
            return;
        }

        lock (_gate)
        {
            _live = Fit(line);
            output.Write(ClearLine + _live);
        }
    }

    /// <summary>Leaves the last live line standing; what follows begins below it.</summary>
    public void EndLive()
    {
        lock (_gate)
        {
            if (_live.Length > 0)
            {
                output.WriteLine();
                _live = string.Empty;
            }
        }
    }

    // A line that wraps cannot be written over.
    private static string Fit(string line)
    {
        var width = Console.WindowWidth;
        return width > 1 && line.Length >= width ? line[..(width - 1)] : line;
    }
}
