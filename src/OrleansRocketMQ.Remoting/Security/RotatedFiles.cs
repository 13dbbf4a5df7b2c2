using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Security;

/// <summary>
/// What some files say, read again when they change. A change is taken once it has stood from one look to the next, so that
/// a file in the middle of being written is not; what cannot be used leaves what was there before. Looks come one at a time;
/// <see cref="Current"/> may be read by anybody.
/// </summary>
/// <typeparam name="T">What is made of the files.</typeparam>
internal sealed partial class RotatedFiles<T>
    where T : class
{
    private readonly string _name;
    private readonly IReadOnlyList<string> _files;
    private readonly Func<T> _load;
    private readonly ILogger _logger;
    private volatile T _current;
    private volatile string? _trouble;
    private string _taken;
    private string _seen;
    private string? _refused;

    /// <summary>Reads the files for the first time; then they must be right.</summary>
    /// <param name="name">What they hold, for the log.</param>
    /// <param name="files">The files.</param>
    /// <param name="load">Makes something of them; throws <see cref="RocketMQConfigurationException"/> when they are not right.</param>
    /// <param name="logger">Gets what is taken and what is refused.</param>
    public RotatedFiles(string name, IReadOnlyList<string> files, Func<T> load, ILogger logger)
    {
        _name = name;
        _files = files;
        _load = load;
        _logger = logger;
        // Digested before they are read: a change in between is one more change, and never missed.
        _seen = _taken = FileDigest.Of(files);
        _current = load();
    }

    /// <summary>What the files said when they were last usable.</summary>
    public T Current => _current;

    /// <summary>Why the present files are not used, in words and without what is in them; null when they are.</summary>
    public string? Trouble => _trouble;

    /// <summary>Whether there is anything to look at.</summary>
    public bool HasFiles => _files.Count > 0;

    /// <summary>Whether a change was seen that the next look may take.</summary>
    public bool IsUnsettled => _seen != _taken && _seen != _refused;

    /// <summary>Looks at the files.</summary>
    /// <returns>Whether <see cref="Current"/> is new.</returns>
    public bool Look()
    {
        var now = FileDigest.Of(_files);
        var isSettled = now == _seen;
        _seen = now;
        if (now == _taken)
        {
            // As before, perhaps again: whoever broke them has put them right.
            (_refused, _trouble) = (null, null);
            return false;
        }

        return isSettled && now != _refused && TryTake(now);
    }

    private bool TryTake(string digest)
    {
        try
        {
            var loaded = _load();
            if (FileDigest.Of(_files) != digest)
            {
                return false;
            }

            (_current, _taken, _refused, _trouble) = (loaded, digest, null, null);
            Log.Taken(_logger, _name, string.Join(", ", _files));
            return true;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Whatever it is: what was before serves, and whoever looks has more to do than this.
            _refused = digest;
            _trouble = $"{_name} changed and cannot be used, those from before stay: {exception.Message}";
            Log.Refused(_logger, _name, exception.Message);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(45, LogLevel.Information, "{Name} changed and were read again: {Files}")]
        public static partial void Taken(ILogger logger, string name, string files);

        [LoggerMessage(46, LogLevel.Error, "{Name} changed and cannot be used, those from before stay: {Reason}")]
        public static partial void Refused(ILogger logger, string name, string reason);
    }
}
