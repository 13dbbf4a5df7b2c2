using System.Globalization;
using System.Text;

namespace OrleansRocketMQ;

/// <summary>
/// What the answer to a pop says beside its messages, queue by queue: where the pop began, which positions it brought, and how
/// often what was popped in order has been popped before. Not thread-safe. Mirrors <c>ExtraInfoUtil</c>.
/// </summary>
internal sealed class PopOffsets
{
    /// <summary>Queues, or messages, that an answer may tell of; a broker gives 32 messages at most.</summary>
    public const int MostEntries = 4096;

    private const char EntrySeparator = ';';
    private const char PartSeparator = ' ';
    private const char OffsetSeparator = ',';
    private const string OffsetMark = "qo";
    private const char OffsetMarkSeparator = '%';
    private const int PartCount = 3;

    private readonly Dictionary<(PopTopicKind Kind, int QueueId), long> _starts = [];
    private readonly Dictionary<(PopTopicKind Kind, int QueueId), List<long>> _offsets = [];
    private readonly Dictionary<(PopTopicKind Kind, int QueueId), int> _queueCounts = [];
    private readonly Dictionary<(PopTopicKind Kind, int QueueId, long Offset), int> _counts = [];

    /// <summary>Field <c>startOffsetInfo</c>: <c>kind queueId start;…</c>.</summary>
    public string StartOffsetInfo => string.Join(EntrySeparator, _starts.Select(entry => Entry(entry.Key, $"{entry.Value}")));

    /// <summary>Field <c>msgOffsetInfo</c>: <c>kind queueId offset,offset;…</c>.</summary>
    public string MessageOffsetInfo
        => string.Join(EntrySeparator, _offsets.Select(entry => Entry(entry.Key, string.Join(OffsetSeparator, entry.Value))));

    /// <summary>Field <c>orderCountInfo</c>: <c>kind qo{queueId}%{offset} count;…</c> and <c>kind queueId count;…</c>.</summary>
    public string OrderCountInfo => string.Join(
        EntrySeparator,
        _counts.Select(entry => $"{(int)entry.Key.Kind} {OffsetMark}{entry.Key.QueueId}%{entry.Key.Offset} {entry.Value}")
            .Concat(_queueCounts.Select(entry => Entry(entry.Key, $"{entry.Value}"))));

    /// <summary>Reads the fields of an answer.</summary>
    /// <returns>Null when the first one is absent or empty, as of brokers that do not tell.</returns>
    /// <exception cref="MessageFormatException">A field is not of its form; names the part that is wrong.</exception>
    public static PopOffsets? Parse(string? startOffsetInfo, string? messageOffsetInfo, string? orderCountInfo)
    {
        if (string.IsNullOrEmpty(startOffsetInfo))
        {
            return null;
        }

        var offsets = new PopOffsets();
        ForEachEntry("startOffsetInfo", startOffsetInfo, offsets.ReadStart);
        ForEachEntry("msgOffsetInfo", messageOffsetInfo, offsets.ReadOffsets);
        ForEachEntry("orderCountInfo", orderCountInfo, offsets.ReadCount);
        return offsets;
    }

    /// <summary>Tells of a queue.</summary>
    public void Add(PopTopicKind kind, int queueId, long start, IEnumerable<long> offsets)
    {
        _starts.Add((kind, queueId), start);
        _offsets.Add((kind, queueId), [.. offsets]);
    }

    /// <summary>Tells how often a message has been popped in order before.</summary>
    public void AddCount(PopTopicKind kind, int queueId, long offset, int count) => _counts.Add((kind, queueId, offset), count);

    /// <summary>Tells how often all messages of a queue have been popped in order before, for clients that know only that.</summary>
    public void AddCount(PopTopicKind kind, int queueId, int count) => _queueCounts.Add((kind, queueId), count);

    /// <summary>Where the pop began in the queue of a message that it brought; null: it brought no such message.</summary>
    public long? StartOf(PopTopicKind kind, int queueId, long offset)
        => _starts.TryGetValue((kind, queueId), out var start)
            && _offsets.TryGetValue((kind, queueId), out var offsets)
            && offsets.Contains(offset)
            ? start
            : null;

    /// <summary>How often a message has been popped in order before; 0 when the answer does not say.</summary>
    public int CountOf(PopTopicKind kind, int queueId, long offset)
        => _counts.TryGetValue((kind, queueId, offset), out var count) ? count : _queueCounts.GetValueOrDefault((kind, queueId));

    private static string Entry((PopTopicKind Kind, int QueueId) queue, string value)
        => string.Create(CultureInfo.InvariantCulture, $"{(int)queue.Kind} {queue.QueueId} {value}");

    private static void ForEachEntry(string field, string? text, ReadEntry read)
    {
        if (string.IsNullOrEmpty(text))
        {
            return;
        }

        Span<Range> parts = stackalloc Range[PartCount + 1];
        var seen = 0;
        foreach (var range in text.AsSpan().Split(EntrySeparator))
        {
            var entry = text.AsSpan(range);
            if (++seen > MostEntries)
            {
                throw new MessageFormatException(field, $"more than {MostEntries} entries", $"at most {MostEntries}");
            }

            if (entry.Split(parts, PartSeparator) != PartCount)
            {
                throw PopText.Bad($"entry of {field}", entry, $"{PartCount} parts with a blank between them");
            }

            if (!read(PopText.Kind(entry[parts[0]]), entry[parts[1]], entry[parts[2]]))
            {
                throw PopText.Bad($"entry of {field}", entry, "each queue once");
            }
        }
    }

    private bool ReadStart(PopTopicKind kind, ReadOnlySpan<char> queueId, ReadOnlySpan<char> value)
        => _starts.TryAdd((kind, PopText.Id("queue id in startOffsetInfo", queueId)), PopText.Number("start in startOffsetInfo", value));

    private bool ReadOffsets(PopTopicKind kind, ReadOnlySpan<char> queueId, ReadOnlySpan<char> value)
    {
        var offsets = new List<long>();
        foreach (var range in value.Split(OffsetSeparator))
        {
            if (offsets.Count == MostEntries)
            {
                throw new MessageFormatException("msgOffsetInfo", $"more than {MostEntries} offsets", $"at most {MostEntries}");
            }

            offsets.Add(PopText.Number("offset in msgOffsetInfo", value[range]));
        }

        return _offsets.TryAdd((kind, PopText.Id("queue id in msgOffsetInfo", queueId)), offsets);
    }

    private bool ReadCount(PopTopicKind kind, ReadOnlySpan<char> key, ReadOnlySpan<char> value)
    {
        var count = PopText.Id("count in orderCountInfo", value);
        if (!key.StartsWith(OffsetMark, StringComparison.Ordinal))
        {
            return _queueCounts.TryAdd((kind, PopText.Id("queue id in orderCountInfo", key)), count);
        }

        var middle = key.IndexOf(OffsetMarkSeparator);
        return middle < 0
            ? throw PopText.Bad("key in orderCountInfo", key, "a queue id, or qo, queue id, % and offset")
            : _counts.TryAdd(
                (
                    kind,
                    PopText.Id("queue id in orderCountInfo", key[OffsetMark.Length..middle]),
                    PopText.Number("offset in orderCountInfo", key[(middle + 1)..])),
                count);
    }

    /// <summary>Takes one entry; false when there was one of that key already.</summary>
    private delegate bool ReadEntry(PopTopicKind kind, ReadOnlySpan<char> key, ReadOnlySpan<char> value);
}
