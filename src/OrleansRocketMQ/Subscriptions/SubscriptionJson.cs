using System.Text.Encodings.Web;
using System.Text.Json;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Subscriptions;

/// <summary>
/// Subscriptions as text: <c>{"group":"g","subscriptions":[{"topic":"t","type":"TAG","expression":"a || b","active":true}]}</c>.
/// Type, expression and active may be left out: every message, active.
/// </summary>
internal static class SubscriptionJson
{
    // Read by people: && and ' stay what they are.
    private static readonly JsonWriterOptions Readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(string group, IEnumerable<SubscriptionInfo> subscriptions)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(text, Readable))
        {
            writer.WriteStartObject();
            writer.WriteString("group", group);
            writer.WriteStartArray("subscriptions");
            foreach (var subscription in subscriptions)
            {
                writer.WriteStartObject();
                writer.WriteString("topic", subscription.Topic);
                var isTag = subscription.Selector.Type == ExpressionType.Tag;
                writer.WriteString("type", isTag ? SubscriptionData.TagType : SubscriptionData.Sql92Type);
                writer.WriteString("expression", subscription.Selector.Expression);
                writer.WriteBoolean("active", subscription.IsActive);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        return System.Text.Encoding.UTF8.GetString(text.ToArray());
    }

    /// <exception cref="SubscriptionDataException">The text is something else.</exception>
    public static IReadOnlyList<SubscriptionInfo> Read(string json)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException exception)
        {
            throw new SubscriptionDataException($"line {exception.LineNumber + 1}", "no JSON", exception);
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("subscriptions", out var items)
                || items.ValueKind != JsonValueKind.Array)
            {
                throw new SubscriptionDataException("the text", "an object with the array 'subscriptions' was expected");
            }

            var subscriptions = new List<SubscriptionInfo>();
            var topics = new HashSet<string>(StringComparer.Ordinal);
            foreach (var item in items.EnumerateArray())
            {
                var where = $"subscriptions[{subscriptions.Count}]";
                var subscription = ReadOne(item, where);
                if (!topics.Add(subscription.Topic))
                {
                    throw new SubscriptionDataException(where, $"topic '{subscription.Topic}' occurs twice");
                }

                subscriptions.Add(subscription);
            }

            return subscriptions;
        }
    }

    private static SubscriptionInfo ReadOne(JsonElement item, string where)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw new SubscriptionDataException(where, "an object was expected");
        }

        var topic = Text(item, "topic", where) ?? throw new SubscriptionDataException($"{where}.topic", "it is missing");
        var expression = Text(item, "expression", where);
        try
        {
            return new SubscriptionInfo
            {
                Topic = topic,
                Selector = Text(item, "type", where) switch
                {
                    null or SubscriptionData.TagType => MessageSelector.ByTag(expression),
                    SubscriptionData.Sql92Type => MessageSelector.BySql(expression!),
                    var other => throw new SubscriptionDataException($"{where}.type", $"'{other}' is neither TAG nor SQL92"),
                },
                IsActive = !item.TryGetProperty("active", out var active) || active.ValueKind switch
                {
                    JsonValueKind.True => true,
                    JsonValueKind.False => false,
                    _ => throw new SubscriptionDataException($"{where}.active", "true or false was expected"),
                },
            };
        }
        catch (RocketMQValidationException exception)
        {
            throw new SubscriptionDataException($"{where}.expression", exception.Message, exception);
        }
    }

    private static string? Text(JsonElement item, string name, string where) => !item.TryGetProperty(name, out var value)
        ? null
        : value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : throw new SubscriptionDataException($"{where}.{name}", "a text was expected");
}
