using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace OrleansRocketMQ;

/// <summary>
/// Bodies in JSON, by System.Text.Json. Thread-safe.
/// </summary>
/// <remarks>
/// Programs that are trimmed or compiled ahead of time give a source-generated <see cref="JsonSerializerContext"/>: then no
/// type is looked at by reflection, and one the context does not know is an error that names it.
/// </remarks>
public sealed class JsonMessageSerializer : IMessageSerializer
{
    private readonly JsonSerializerOptions _options;
    private readonly JsonWriterOptions _writing;

    /// <summary>JSON as the given options say.</summary>
    /// <param name="options">The options; they cannot be changed afterwards.</param>
    public JsonMessageSerializer(JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _writing = new() { Encoder = _options.Encoder, Indented = _options.WriteIndented, SkipValidation = true };
    }

    /// <summary>JSON of the types that a source-generated context knows.</summary>
    /// <param name="context">The context, for example <c>OrderJson.Default</c>.</param>
    public JsonMessageSerializer(JsonSerializerContext context)
        : this((context ?? throw new ArgumentNullException(nameof(context))).Options)
    {
    }

    /// <summary>
    /// JSON by <see cref="JsonSerializerOptions.Web"/> (names in camel case, read in any case): the default of producers and
    /// consumers.
    /// </summary>
    public static JsonMessageSerializer Default { get; } = new(JsonSerializerOptions.Web);

    /// <inheritdoc/>
    public void Serialize<T>(T value, IBufferWriter<byte> output)
    {
        using var writer = new Utf8JsonWriter(output, _writing);
        JsonSerializer.Serialize(writer, value, _options);
    }

    /// <inheritdoc/>
    public T? Deserialize<T>(ReadOnlyMemory<byte> body) => JsonSerializer.Deserialize<T>(body.Span, _options);
}
