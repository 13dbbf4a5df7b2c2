using System.Diagnostics;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// Carries the trace a message belongs to in its properties, by <see cref="DistributedContextPropagator.Current"/>:
/// <c>traceparent</c>, <c>tracestate</c> and baggage as W3C has it, unless the process uses another propagator.
/// </summary>
internal static class TraceContext
{
    // All properties of a message have 32,767 bytes together; W3C lets baggage alone have 8,192.
    private const int LongestValue = 4096;

    private static volatile PropagatedFields _fields = new(DistributedContextPropagator.Current);

    /// <summary>The properties a message needs beside its own; null when it needs none.</summary>
    public static List<KeyValuePair<string, string>>? PropertiesOf(Activity activity, Message message)
    {
        // A message that already belongs to a trace was created there, wherever it is sent from.
        if (Extract(message, out _))
        {
            return null;
        }

        var properties = new List<KeyValuePair<string, string>>(2);
        DistributedContextPropagator.Current.Inject(activity, properties, static (carrier, name, value) =>
        {
            if (name.Length > 0 && value is { Length: > 0 and <= LongestValue } && IsStorable(name) && IsStorable(value))
            {
                ((List<KeyValuePair<string, string>>)carrier!).Add(new(name, value));
            }
        });
        return properties;
    }

    /// <summary>
    /// Whether one of some received messages may have a trace or baggage: asked first, so that those without cost a walk over their
    /// properties, and not a search for each that a propagator would look for.
    /// </summary>
    public static bool MayBeIn(ArraySegment<MessageExt> messages)
    {
        var fields = _fields;
        if (fields.Propagator != DistributedContextPropagator.Current)
        {
            _fields = fields = new(DistributedContextPropagator.Current);
        }

        foreach (var message in messages)
        {
            if (fields.MayBeIn(message.StoredProperties))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The trace a received message belongs to.</summary>
    public static bool TryGet(MessageExt message, out ActivityContext context) => Extract(message, out context);

    /// <summary>Gives an activity the baggage of the message it processes.</summary>
    public static void AddBaggage(Activity activity, MessageExt message)
    {
        foreach (var (name, value) in DistributedContextPropagator.Current.ExtractBaggage(message, GetProperty) ?? [])
        {
            activity.AddBaggage(name, value);
        }
    }

    private static bool Extract(object message, out ActivityContext context)
    {
        DistributedContextPropagator.Current.ExtractTraceIdAndState(message, GetProperty, out var parent, out var state);
        context = default;
        return parent is not null && ActivityContext.TryParse(parent, state, isRemote: true, out context);
    }

    private static void GetProperty(object? carrier, string name, out string? value, out IEnumerable<string>? values)
    {
        value = carrier is MessageExt received ? received.GetProperty(name) : (carrier as Message)?[name];
        values = null;
    }

    private static bool IsStorable(string text)
        => !text.AsSpan().ContainsAny((char)MessageProperties.NameValueSeparator, (char)MessageProperties.PropertySeparator);
}
