using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrleansRocketMQ.Protocol;

/// <summary>
/// A mode as brokers write it. The framework's converter of any enumeration would have each silo compile some sixty methods for
/// this one, just when it takes its first queues.
/// </summary>
internal sealed class RequestModeJson : JsonConverter<MessageRequestMode>
{
    public override MessageRequestMode Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType != JsonTokenType.String ? throw new JsonException("A mode is PULL or POP, and no text came.")
            : reader.ValueTextEquals("PULL"u8) ? MessageRequestMode.Pull
            : reader.ValueTextEquals("POP"u8) ? MessageRequestMode.Pop
            : throw new JsonException($"A mode is PULL or POP, not {reader.GetString()}.");

    public override void Write(Utf8JsonWriter writer, MessageRequestMode value, JsonSerializerOptions options)
        => writer.WriteStringValue(value == MessageRequestMode.Pop ? "POP"u8 : "PULL"u8);
}
