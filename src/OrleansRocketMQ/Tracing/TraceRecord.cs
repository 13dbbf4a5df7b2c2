using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Tracing;

/// <summary>How a listener call ended, by the ordinals of <c>ConsumeReturnType</c>.</summary>
internal enum TraceOutcome
{
    Success = 0,
    TimeOut = 1,
    Exception = 2,
    ReturnNull = 3,
    Failed = 4,
}

/// <summary>A piece of trace, ready to be sent.</summary>
/// <param name="Topic">The topic of the messages it is about; pieces of different topics are sent apart.</param>
/// <param name="Text">The records: fields joined by U+0001, each record ended by U+0002.</param>
/// <param name="Keys">Ids and keys of the messages, by which the trace is found.</param>
internal sealed record TraceRecord(string Topic, string Text, IReadOnlyList<string> Keys)
{
    private const char Field = '\u0001';
    private const char End = '\u0002';

    /// <summary>Before a listener call. Mirrors <c>TraceDataEncoder</c> for <c>SubBefore</c>.</summary>
    public static TraceRecord Before(string group, string requestId, IReadOnlyList<MessageExt> messages, long now)
    {
        // Java writes the region of the last message for all of them.
        var region = messages[^1].GetProperty(MessageProperties.MessageRegion);
        return Of(messages, (text, message) => text.Append("SubBefore").Append(Field).Append(now).Append(Field).Append(region).Append(Field)
            .Append(group).Append(Field).Append(requestId).Append(Field).Append(message.MessageId).Append(Field)
            .Append(message.ReconsumeTimes).Append(Field).Append(KeysOf(message)));
    }

    /// <summary>After it; <paramref name="cost"/> is the call's time by message in milliseconds. Mirrors it for <c>SubAfter</c>.</summary>
    public static TraceRecord After(
        string group,
        string requestId,
        IReadOnlyList<MessageExt> messages,
        long now,
        long cost,
        bool succeeded,
        TraceOutcome outcome)
        => Of(messages, (text, message) => text
            .Append("SubAfter").Append(Field).Append(requestId).Append(Field).Append(message.MessageId).Append(Field)
            .Append(cost).Append(Field).Append(succeeded ? "true" : "false").Append(Field).Append(KeysOf(message)).Append(Field)
            .Append(((int)outcome).ToString(CultureInfo.InvariantCulture)).Append(Field).Append(now).Append(Field).Append(group));

    private static TraceRecord Of(IReadOnlyList<MessageExt> messages, Action<StringBuilder, MessageExt> append)
    {
        var text = new StringBuilder(256 * messages.Count);
        var keys = new List<string>();
        foreach (var message in messages)
        {
            append(text, message);
            text.Append(End);
            keys.Add(message.MessageId);
            keys.AddRange((message.Keys ?? string.Empty).Split(MessageProperties.KeySeparator, StringSplitOptions.RemoveEmptyEntries));
        }

        return new TraceRecord(messages[0].Topic, text.ToString(), keys);
    }

    // Java's text for what is not there.
    private static string KeysOf(MessageExt message) => message.Keys ?? "null";
}
