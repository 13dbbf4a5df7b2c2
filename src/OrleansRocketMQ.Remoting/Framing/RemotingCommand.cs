using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Framing;

/// <summary>How the header of a frame is written; the body is always raw bytes.</summary>
public enum SerializeType : byte
{
    /// <summary>A JSON object; what every RocketMQ program writes unless told otherwise.</summary>
    Json = 0,

    /// <summary>RocketMQ's own binary layout. Its request code is 16 bits wide, so POP requests do not fit.</summary>
    RocketMQ = 1,
}

/// <summary>
/// One frame: a request, a one-way request or a response. Mirrors <c>org.apache.rocketmq.remoting.protocol.RemotingCommand</c>.
/// Not thread-safe; built by one owner, then handed to a connection and not changed any more.
/// </summary>
public sealed class RemotingCommand
{
    private const int ResponseBit = 1;
    private const int OneWayBit = 2;

    private static readonly Dictionary<string, string> NoFields = [];

    private Dictionary<string, string>? _extFields;

    /// <summary>A request code from <see cref="RequestCodes"/>, or in a response one of <see cref="ResponseCodes"/>.</summary>
    public int Code { get; init; }

    /// <summary>The language of the program that wrote the frame.</summary>
    public LanguageCode Language { get; init; } = LanguageCode.DotNet;

    /// <summary>The protocol level of the writer, an ordinal of <c>MQVersion</c>.</summary>
    public int Version { get; init; } = ProtocolVersion.Current;

    /// <summary>Ties a response to its request; assigned by the connection for requests.</summary>
    public int Opaque { get; set; }

    /// <summary>Bit 0: response. Bit 1: one-way.</summary>
    public int Flag { get; init; }

    /// <summary>Free text, in an error response the reason.</summary>
    public string? Remark { get; init; }

    /// <summary>How the header was, or is to be, written.</summary>
    public SerializeType SerializeType { get; set; } = SerializeType.Json;

    /// <summary>The bytes after the header.</summary>
    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>
    /// When set, the body is these pieces one after the other and <see cref="Body"/> is empty: lets a broker answer
    /// from stored bytes without gathering them first.
    /// </summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? BodyParts { get; init; }

    /// <summary>Header fields beside the fixed ones. Empty when the frame carries none.</summary>
    public IReadOnlyDictionary<string, string> ExtFields => _extFields ?? NoFields;

    /// <summary>Whether the frame carries a field table at all, be it empty.</summary>
    public bool HasExtFields => _extFields is not null;

    /// <summary>Whether this answers a request.</summary>
    public bool IsResponse => (Flag & ResponseBit) != 0;

    /// <summary>Whether no answer is wanted.</summary>
    public bool IsOneWay => (Flag & OneWayBit) != 0;

    /// <summary>The field of that name, or null.</summary>
    public string? this[string field] => _extFields is not null && _extFields.TryGetValue(field, out var value) ? value : null;

    /// <summary>A request with the given code.</summary>
    /// <param name="code">One of <see cref="RequestCodes"/>.</param>
    /// <param name="body">The bytes after the header.</param>
    /// <param name="oneWay">Whether no answer is wanted.</param>
    /// <param name="fieldCount">How many fields are going to be set, to make room at once; 0: unknown.</param>
    public static RemotingCommand Request(int code, ReadOnlyMemory<byte> body = default, bool oneWay = false, int fieldCount = 0)
    {
        var request = new RemotingCommand { Code = code, Body = body, Flag = oneWay ? OneWayBit : 0 };
        if (fieldCount > 0)
        {
            request._extFields = new(fieldCount, StringComparer.Ordinal);
        }

        return request;
    }

    /// <summary>A response to <paramref name="request"/>, written the way the request was.</summary>
    public static RemotingCommand Response(
        RemotingCommand request,
        int code,
        string? remark = null,
        ReadOnlyMemory<byte> body = default,
        IReadOnlyList<ReadOnlyMemory<byte>>? bodyParts = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        return new()
        {
            Code = code,
            Opaque = request.Opaque,
            Flag = ResponseBit,
            Remark = remark,
            SerializeType = request.SerializeType,
            Body = body,
            BodyParts = bodyParts,
        };
    }

    /// <summary>Adds or replaces a field; a null value is left out, as on the wire.</summary>
    public RemotingCommand Set(string field, string? value)
    {
        if (value is not null)
        {
            (_extFields ??= new(StringComparer.Ordinal))[field] = value;
        }

        return this;
    }

    /// <inheritdoc cref="Set(string,string)"/>
    public RemotingCommand Set(string field, long value) => Set(field, value.ToString(CultureInfo.InvariantCulture));

    /// <inheritdoc cref="Set(string,string)"/>
    public RemotingCommand Set(string field, bool value) => Set(field, value ? "true" : "false");

    /// <summary>Reads a field that must be there.</summary>
    /// <exception cref="RocketMQValidationException">The field is absent.</exception>
    public string GetRequired(string field) => this[field] ?? throw Bad(field, null, "a value");

    /// <summary>Reads a whole number that must be there.</summary>
    /// <exception cref="RocketMQValidationException">The field is absent or not a number.</exception>
    public long GetInt64(string field) => TryGetInt64(field, out var value) ? value : throw Bad(field, this[field], "a whole number");

    /// <summary>Reads a whole number that must be there and fit 32 bits.</summary>
    /// <exception cref="RocketMQValidationException">The field is absent or not such a number.</exception>
    public int GetInt32(string field) => TryGetInt64(field, out var value) && value is >= int.MinValue and <= int.MaxValue
        ? (int)value
        : throw Bad(field, this[field], "a whole number of 32 bits");

    /// <summary>Reads a whole number, or the fallback when the field is absent.</summary>
    /// <exception cref="RocketMQValidationException">The field is there but not a number.</exception>
    public long GetInt64(string field, long fallback) => this[field] is null ? fallback : GetInt64(field);

    /// <summary>Reads a whole number of 32 bits, or the fallback when the field is absent.</summary>
    /// <exception cref="RocketMQValidationException">The field is there but not such a number.</exception>
    public int GetInt32(string field, int fallback) => this[field] is null ? fallback : GetInt32(field);

    /// <summary>Whether the field reads "true" in any case, as Java's <c>Boolean.parseBoolean</c> decides it.</summary>
    public bool GetBoolean(string field, bool fallback = false)
        => this[field] is { } value ? value.Equals("true", StringComparison.OrdinalIgnoreCase) : fallback;

    /// <inheritdoc/>
    public override string ToString() => IsResponse
        ? $"response #{Opaque} {ResponseCodes.NameOf(Code)}"
        : $"{(IsOneWay ? "one-way" : "request")} #{Opaque} {RequestCodes.NameOf(Code)}";

    internal void SetExtFields(Dictionary<string, string>? fields) => _extFields = fields;

    internal int BodyLength
    {
        get
        {
            if (BodyParts is null)
            {
                return Body.Length;
            }

            var length = 0;
            foreach (var part in BodyParts)
            {
                length += part.Length;
            }

            return length;
        }
    }

    private bool TryGetInt64(string field, [NotNullWhen(true)] out long value)
        => long.TryParse(this[field], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    private RocketMQValidationException Bad(string field, string? value, string expected)
        => new($"Header field '{field}' of {this}", value, expected);
}
