using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace OrleansRocketMQ.Framing;

/// <summary>
/// The fields of one header. There are a dozen at most, which a plain list finds faster than a hash table and at a
/// third of the memory; every pull makes two. Not thread-safe.
/// </summary>
internal sealed class FieldTable(int capacity) : IReadOnlyDictionary<string, string>
{
    /// <summary>More fields than any header of the protocol has, even repeated ones; keeps reading a header linear.</summary>
    public const int MaxFields = 256;

    public static readonly FieldTable Empty = new(0);

    private KeyValuePair<string, string>[] _fields = capacity == 0 ? [] : new KeyValuePair<string, string>[capacity];

    public int Count { get; private set; }

    public IEnumerable<string> Keys => this.Select(pair => pair.Key);

    public IEnumerable<string> Values => this.Select(pair => pair.Value);

    public string this[string key]
    {
        get => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException($"There is no header field '{key}'.");
        set => Set(key, value);
    }

    /// <summary>Adds a field, or replaces the one of that name.</summary>
    public void Set(string key, string value)
    {
        var index = IndexOf(key);
        if (index < 0)
        {
            index = Count++;
            if (index == _fields.Length)
            {
                Array.Resize(ref _fields, Math.Max(8, index * 2));
            }
        }

        _fields[index] = new(key, value);
    }

    /// <summary>Told by readers of each field they come upon.</summary>
    /// <exception cref="FrameFormatException">There are too many.</exception>
    public static void CheckOneMore(ref int seen)
    {
        if (++seen > MaxFields)
        {
            throw new FrameFormatException("number of header fields", seen, $"at most {MaxFields}");
        }
    }

    public bool ContainsKey(string key) => IndexOf(key) >= 0;

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string value)
    {
        var index = IndexOf(key);
        value = index < 0 ? null : _fields[index].Value;
        return index >= 0;
    }

    public ReadOnlySpan<KeyValuePair<string, string>> AsSpan() => _fields.AsSpan(0, Count);

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => _fields.Take(Count).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private int IndexOf(string key)
    {
        var fields = AsSpan();
        for (var index = 0; index < fields.Length; index++)
        {
            // Most names are literals or interned: the same object, or of another length.
            if (string.Equals(fields[index].Key, key))
            {
                return index;
            }
        }

        return -1;
    }
}
