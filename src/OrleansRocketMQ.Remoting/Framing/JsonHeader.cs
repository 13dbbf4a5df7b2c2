using System.Buffers;
using System.Text.Json;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Framing;

/// <summary>The header as a JSON object, with the key order Java's fastjson writes (alphabetical).</summary>
internal static class JsonHeader
{
    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    // Brokers keep their own habits (comments, trailing commas) to themselves, but old fastjson does not always escape.
    private static readonly JsonReaderOptions ReaderOptions = new() { AllowTrailingCommas = true };

    [ThreadStatic]
    private static Utf8JsonWriter? t_writer;

    /// <summary>Writes a header.</summary>
    /// <param name="output">Gets it.</param>
    /// <param name="command">What it is of.</param>
    /// <param name="ends">When not empty: gets where each field ends, and last the opaque.</param>
    public static void Write(IBufferWriter<byte> output, RemotingCommand command, Span<int> ends = default)
    {
        var ended = 0;
        var json = t_writer;
        if (json is null)
        {
            json = t_writer = new Utf8JsonWriter(output, WriterOptions);
        }
        else
        {
            json.Reset(output);
        }

        json.WriteStartObject();
        json.WriteNumber("code"u8, command.Code);
        if (command.HasExtFields)
        {
            json.WriteStartObject("extFields"u8);
            foreach (var (name, value) in command.Fields.AsSpan())
            {
                json.WriteString(name, value);
                Note(json, ends, ref ended);
            }

            json.WriteEndObject();
        }

        json.WriteNumber("flag"u8, command.Flag);
        json.WriteString("language"u8, LanguageCodes.NameOf(command.Language));
        json.WriteNumber("opaque"u8, command.Opaque);
        Note(json, ends, ref ended);
        if (command.Remark is not null)
        {
            json.WriteString("remark"u8, command.Remark);
        }

        json.WriteString("serializeTypeCurrentRPC"u8, "JSON"u8);
        json.WriteNumber("version"u8, command.Version);
        json.WriteEndObject();
        json.Flush();
    }

    public static RemotingCommand Read(ReadOnlySpan<byte> header, ReadOnlyMemory<byte> body)
    {
        try
        {
            return ReadObject(header, body);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new FrameFormatException(
                "JSON header",
                header.Length,
                "bytes of a JSON object with the fields of a RocketMQ header: " + exception.Message);
        }
    }

    private static void Note(Utf8JsonWriter json, Span<int> ends, ref int ended)
    {
        if (!ends.IsEmpty)
        {
            ends[ended++] = (int)json.BytesCommitted + json.BytesPending;
        }
    }

    private static RemotingCommand ReadObject(ReadOnlySpan<byte> header, ReadOnlyMemory<byte> body)
    {
        var json = new Utf8JsonReader(header, ReaderOptions);
        int code = 0, opaque = 0, flag = 0, version = 0;
        var language = LanguageCode.Other;
        string? remark = null;
        FieldTable? fields = null;

        ReadStart(ref json);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("code"u8))
            {
                code = ReadInt32(ref json);
            }
            else if (json.ValueTextEquals("extFields"u8))
            {
                fields = ReadFields(ref json);
            }
            else if (json.ValueTextEquals("flag"u8))
            {
                flag = ReadInt32(ref json);
            }
            else if (json.ValueTextEquals("language"u8))
            {
                language = ReadLanguage(ref json);
            }
            else if (json.ValueTextEquals("opaque"u8))
            {
                opaque = ReadInt32(ref json);
            }
            else if (json.ValueTextEquals("remark"u8))
            {
                json.Read();
                remark = json.GetString();
            }
            else if (json.ValueTextEquals("version"u8))
            {
                version = ReadInt32(ref json);
            }
            else
            {
                json.Skip();
            }
        }

        return new RemotingCommand
        {
            Code = code,
            Language = language,
            Version = version,
            Opaque = opaque,
            Flag = flag,
            Remark = remark,
            SerializeType = SerializeType.Json,
            Body = body,
            Fields = fields!,
        };
    }

    private static void ReadStart(ref Utf8JsonReader json)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("not an object");
        }
    }

    private static LanguageCode ReadLanguage(ref Utf8JsonReader json)
    {
        json.Read();
        return json.ValueTextEquals("JAVA"u8) ? LanguageCode.Java : LanguageCodes.Parse(json.GetString());
    }

    private static int ReadInt32(ref Utf8JsonReader json)
    {
        json.Read();
        return json.GetInt32();
    }

    private static FieldTable? ReadFields(ref Utf8JsonReader json)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.Null)
        {
            return null;
        }

        if (json.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("extFields is not an object");
        }

        // Room for what comes with a pull, without growing on the way.
        var fields = new FieldTable(8);
        var seen = 0;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            FieldTable.CheckOneMore(ref seen);
            var name = FieldNames.Intern(ref json);
            json.Read();
            switch (json.TokenType)
            {
                case JsonTokenType.String:
                    fields[name] = FieldValues.Read(ref json);
                    break;
                case JsonTokenType.Null:
                    break;
                case JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False:
                    fields[name] = System.Text.Encoding.UTF8.GetString(json.ValueSpan);
                    break;
                default:
                    throw new JsonException($"extFields.{name} is not a plain value");
            }
        }

        return fields;
    }
}
