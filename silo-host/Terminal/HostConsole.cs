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
            Write(_live.Length > 0 ? $"{ClearLine}{text}{Environment.NewLine}{_live}" : text + Environment.NewLine);
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
            Write(ClearLine + _live);
        }
    }

    /// <summary>Leaves the last live line standing; what follows begins below it.</summary>
    public void EndLive()
    {
        lock (_gate)
        {
            if (_live.Length > 0)
            {
                Write(Environment.NewLine);
                _live = string.Empty;
            }
        }
    }

    // Whoever kept the output may have gone, or its disk may be full. The host has other work than to be read.
    private void Write(string text)
    {
        try
        {
            output.Write(text);
        }
        catch (IOException)
        {
            // The next line finds out for itself.
        }
    }

    // A line that wraps cannot be written over.
    private static string Fit(string line)
    {
        var width = Console.WindowWidth;
        return width > 1 && line.Length >= width ? line[..(width - 1)] : line;
    }
}
