using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace OrleansRocketMQ.Protocol;

/// <summary>
/// Reads JSON as fastjson writes it: numbers as object keys come without quotes (<c>{0:"a"}</c>), objects as keys come
/// as they are (<c>{{"topic":"T"}:1}</c>). Such keys are put into quotes (an object's own text becomes the key), then
/// the standard reader takes over. Well-formed JSON passes unchanged.
/// </summary>
public static class TolerantJson
{
    private const int MaxDepth = 64;

    private static readonly SearchValues<byte> PlainEnds = SearchValues.Create(":,}] \t\r\n"u8);

    /// <summary>Reads a body of the given type.</summary>
    /// <exception cref="MessageFormatException">The body is not such JSON.</exception>
    public static T Read<T>(ReadOnlySpan<byte> body, JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        try
        {
            return JsonSerializer.Deserialize(Normalize(body), type) ?? throw new JsonException("null");
        }
        catch (JsonException exception)
        {
            throw new MessageFormatException("JSON body", $"{body.Length} bytes", $"a {typeof(T).Name}: {exception.Message}", exception);
        }
    }

    /// <summary>The same JSON with every key in quotes.</summary>
    /// <exception cref="JsonException">The nesting is too deep or does not end.</exception>
    public static ReadOnlySpan<byte> Normalize(ReadOnlySpan<byte> json)
    {
        if (!MayHoldBareKeys(json))
        {
            return json;
        }

        var output = new ArrayBufferWriter<byte>(json.Length + 64);
        var rest = json;
        CopyValue(ref rest, output, depth: 0);
        return output.WrittenSpan;
    }

    // Outside of strings a brace or comma followed by a digit, a minus or a brace cannot stand in standard JSON's objects,
    // but commas and digits do in arrays; a cheap look decides whether the slow copy is needed at all.
    private static bool MayHoldBareKeys(ReadOnlySpan<byte> json)
    {
        var inString = false;
        byte previous = 0;
        for (var index = 0; index < json.Length; index++)
        {
            var current = json[index];
            if (inString)
            {
                if (current == '\\')
                {
                    index++;
                }
                else if (current == '"')
                {
                    inString = false;
                    previous = current;
                }

                continue;
            }

            if (current is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            {
                continue;
            }

            if (previous == '{' && current is not ((byte)'"' or (byte)'}'))
            {
                return true;
            }

            inString = current == '"';
            previous = current;
        }

        return false;
    }

    private static void CopyValue(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new JsonException($"nested deeper than {MaxDepth}");
        }

        SkipBlanks(ref rest);
        switch (Peek(rest))
        {
            case (byte)'{':
                CopyObject(ref rest, output, depth);
                break;
            case (byte)'[':
                CopyArray(ref rest, output, depth);
                break;
            case (byte)'"':
                CopyString(ref rest, output);
                break;
            default:
                CopyPlain(ref rest, output);
                break;
        }
    }

    private static void CopyObject(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output, int depth)
    {
        Copy(ref rest, output);
        SkipBlanks(ref rest);
        while (Peek(rest) != '}')
        {
            CopyKey(ref rest, output, depth);
            SkipBlanks(ref rest);
            Expect(rest, ':');
            Copy(ref rest, output);
            CopyValue(ref rest, output, depth + 1);
            SkipBlanks(ref rest);
            if (Peek(rest) == ',')
            {
                Copy(ref rest, output);
                SkipBlanks(ref rest);
            }
            else
            {
                Expect(rest, '}');
            }
        }

        Copy(ref rest, output);
    }

    private static void CopyKey(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output, int depth)
    {
        switch (Peek(rest))
        {
            case (byte)'"':
                CopyString(ref rest, output);
                break;
            case (byte)'{':
                var key = new ArrayBufferWriter<byte>();
                CopyValue(ref rest, key, depth + 1);
                using (var writer = new Utf8JsonWriter(output))
                {
                    writer.WriteStringValue(key.WrittenSpan);
                }

                break;
            default:
                output.Write("\""u8);
                CopyPlain(ref rest, output);
                output.Write("\""u8);
                break;
        }
    }

    private static void CopyArray(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output, int depth)
    {
        Copy(ref rest, output);
        SkipBlanks(ref rest);
        while (Peek(rest) != ']')
        {
            CopyValue(ref rest, output, depth + 1);
            SkipBlanks(ref rest);
            if (Peek(rest) == ',')
            {
                Copy(ref rest, output);
                SkipBlanks(ref rest);
            }
            else
            {
                Expect(rest, ']');
            }
        }

        Copy(ref rest, output);
    }

    private static void CopyString(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output)
    {
        var end = 1;
        while (end < rest.Length && rest[end] != '"')
        {
            end += rest[end] == '\\' ? 2 : 1;
        }

        if (end >= rest.Length)
        {
            throw new JsonException("a string does not end");
        }

        output.Write(rest[..(end + 1)]);
        rest = rest[(end + 1)..];
    }

    private static void CopyPlain(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output)
    {
        var end = rest.IndexOfAny(PlainEnds);
        end = end < 0 ? rest.Length : end;
        if (end == 0)
        {
            throw new JsonException("a value is missing");
        }

        output.Write(rest[..end]);
        rest = rest[end..];
    }

    private static void Copy(ref ReadOnlySpan<byte> rest, ArrayBufferWriter<byte> output)
    {
        output.Write(rest[..1]);
        rest = rest[1..];
    }

    private static void SkipBlanks(ref ReadOnlySpan<byte> rest) => rest = rest.TrimStart(" \t\r\n"u8);

    private static byte Peek(ReadOnlySpan<byte> rest) => rest.IsEmpty ? throw new JsonException("the text ends early") : rest[0];

    private static void Expect(ReadOnlySpan<byte> rest, char expected)
    {
        if (Peek(rest) != expected)
        {
            throw new JsonException($"'{(char)rest[0]}' where '{expected}' should be");
        }
    }
}
