using System.Text;

namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>
/// Where a log collector reads the output, lines meant for people go into the log, too. Until the log is there, they wait.
/// </summary>
internal sealed partial class LogLines : TextWriter
{
    private readonly Lock _gate = new();
    private readonly List<string> _waiting = [];
    private ILogger? _logger;

    public override Encoding Encoding => Encoding.UTF8;

    public void Use(ILogger logger)
    {
        lock (_gate)
        {
            _logger = logger;
            _waiting.ForEach(line => Log.Line(logger, line));
            _waiting.Clear();
        }
    }

    public override void Write(char value) => Write(value.ToString());

    public override void Write(string? value)
    {
        var line = (value ?? string.Empty).TrimEnd('\r', '\n');
        if (line.Length == 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_logger is null)
            {
                _waiting.Add(line);
            }
            else
            {
                Log.Line(_logger, line);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "{Line}")]
        public static partial void Line(ILogger logger, string line);
    }
}
