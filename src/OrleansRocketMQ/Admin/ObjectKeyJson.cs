using System.Buffers;
using System.Text.Json;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Admin;

/// <summary>Tables whose keys are queues, the way fastjson writes them: each key is the queue's own JSON object.</summary>
internal static class ObjectKeyJson
{
    /// <summary>Writes the table as the next value of a document.</summary>
    public static void Write<T>(
        Utf8JsonWriter json,
        IEnumerable<KeyValuePair<MessageQueue, T>> table,
        ClientNamespace names,
        Action<Utf8JsonWriter, T> writeValue)
    {
        var output = new ArrayBufferWriter<byte>();
        output.Write("{"u8);
        var first = true;
        foreach (var (queue, value) in table)
        {
            output.Write(first ? ""u8 : ","u8);
            first = false;
            var key = QueueKey.Of(queue) with { Topic = names.Wrap(queue.Topic) };
            output.Write(JsonSerializer.SerializeToUtf8Bytes(key, ProtocolJson.Default.QueueKey));
            output.Write(":"u8);
            using var valueJson = new Utf8JsonWriter(output);
            writeValue(valueJson, value);
        }

        output.Write("}"u8);
        // No reader of standard JSON would take it; RocketMQ's tools take nothing else.
        json.WriteRawValue(output.WrittenSpan, skipInputValidation: true);
    }

    /// <summary>Reads a table of offsets that stands in a body under the given name; empty when it does not.</summary>
    /// <exception cref="MessageFormatException">The body is no such JSON.</exception>
    public static Dictionary<MessageQueue, long> ReadOffsets(ReadOnlyMemory<byte> body, string name, ClientNamespace names)
    {
        var offsets = new Dictionary<MessageQueue, long>();
        try
        {
            using var document = JsonDocument.Parse(TolerantJson.Normalize(body.Span).ToArray());
            if (document.RootElement.TryGetProperty(name, out var table) && table.ValueKind == JsonValueKind.Object)
            {
                foreach (var entry in table.EnumerateObject())
                {
                    var key = JsonSerializer.Deserialize(entry.Name, ProtocolJson.Default.QueueKey)
                        ?? throw new JsonException("a key is null");
                    offsets[names.Unwrap(key.ToQueue())] = entry.Value.GetInt64();
                }
            }

            return offsets;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new MessageFormatException(name, $"{body.Length} bytes", $"a table of offsets by queue: {exception.Message}", exception);
        }
    }
}
