using System.Collections.Frozen;

namespace OrleansRocketMQ.Protocol;

/// <summary>
/// A tenant's namespace of version 1: on the wire the names of topics and groups begin with <c>namespace%</c>, behind
/// %RETRY% or %DLQ% if they have that; everywhere else they do not. Names of the system stay as they are. Immutable.
/// Mirrors <c>NamespaceUtil</c>.
/// </summary>
internal sealed class ClientNamespace
{
    private const char Separator = '%';
    private const string SystemTopicPrefix = "rmq_sys_";
    private const string SystemGroupPrefix = "CID_RMQ_SYS_";

    private static readonly FrozenSet<string> SystemNames = FrozenSet.ToFrozenSet(
        [
            SystemTopics.AutoCreateKey, SystemTopics.Schedule, "BenchmarkTest", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC",
            "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC",
            // Java starts this producer without giving it the namespace.
            "CLIENT_INNER_PRODUCER",
        ],
        StringComparer.Ordinal);

    private readonly string? _prefix;

    /// <summary>Creates a namespace.</summary>
    /// <param name="name">Its name; null or empty: none, names are the same everywhere.</param>
    public ClientNamespace(string? name) => _prefix = string.IsNullOrEmpty(name) ? null : name + Separator;

    /// <summary>No namespace.</summary>
    public static ClientNamespace None { get; } = new(null);

    /// <summary>Whether names are the same everywhere.</summary>
    public bool IsNone => _prefix is null;

    /// <summary>A name as it is on the wire. Does nothing to one that is so already.</summary>
    public string Wrap(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_prefix is null || name.Length == 0 || IsSystem(name))
        {
            return name;
        }

        var start = StartOfName(name);
        return name.AsSpan(start).StartsWith(_prefix, StringComparison.Ordinal)
            ? name
            : string.Concat(name.AsSpan(0, start), _prefix, name.AsSpan(start));
    }

    /// <summary>A name of the wire as users know it; a name of another namespace stays whole.</summary>
    public string Unwrap(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_prefix is null)
        {
            return name;
        }

        var start = StartOfName(name);
        return name.AsSpan(start).StartsWith(_prefix, StringComparison.Ordinal)
            ? string.Concat(name.AsSpan(0, start), name.AsSpan(start + _prefix.Length))
            : name;
    }

    private static bool IsSystem(string name) => SystemNames.Contains(name)
        || name.StartsWith(SystemTopicPrefix, StringComparison.Ordinal)
        || name.StartsWith(SystemGroupPrefix, StringComparison.Ordinal);

    private static int StartOfName(string name)
        => name.StartsWith(SystemTopics.RetryPrefix, StringComparison.Ordinal) ? SystemTopics.RetryPrefix.Length
            : name.StartsWith(SystemTopics.DeadLetterPrefix, StringComparison.Ordinal) ? SystemTopics.DeadLetterPrefix.Length
            : 0;
}
