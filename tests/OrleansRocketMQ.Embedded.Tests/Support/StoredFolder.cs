using System.Buffers.Binary;
using System.Text;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>The data folder of a broker called broker-a, as it lies on the disk.</summary>
internal static class StoredFolder
{
    public static string[] Segments(this TempFolder folder)
        => [.. Directory.GetFiles(Path.Combine(folder.Path, "broker-a", "commitlog")).Where(IsSegment).Order(StringComparer.Ordinal)];

    public static string[] Indexes(this TempFolder folder)
        => [.. Directory.GetFiles(Path.Combine(folder.Path, "broker-a", "recordindex")).Order(StringComparer.Ordinal)];

    public static string StateFile(this TempFolder folder) => Path.Combine(folder.Path, "broker-a", "state.json");

    /// <summary>What a process killed at this moment leaves behind.</summary>
    public static TempFolder Copy(this TempFolder folder)
    {
        var copy = new TempFolder();
        foreach (var file in Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"))
        {
            var target = Path.Combine(copy.Path, Path.GetRelativePath(folder.Path, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        return copy;
    }

    /// <summary>Where the records of an undamaged segment begin.</summary>
    public static List<int> Records(byte[] segment)
    {
        var positions = new List<int>();
        for (var position = 0; position < segment.Length; position += BinaryPrimitives.ReadInt32BigEndian(segment.AsSpan(position)))
        {
            positions.Add(position);
        }

        return positions;
    }

    /// <summary>Changes one byte of a file.</summary>
    public static void Damage(string path, int position)
    {
        using var file = File.Open(path, FileMode.Open);
        file.Position = position;
        var value = (byte)file.ReadByte();
        file.Position = position;
        file.WriteByte((byte)(value ^ 0x10));
    }

    /// <summary>The places of a record's fields in it, for hosts of four bytes.</summary>
    public static IReadOnlyDictionary<string, int> Fields(ReadOnlySpan<byte> record)
    {
        const int Body = 88;
        var topic = Body + BinaryPrimitives.ReadInt32BigEndian(record[84..]) + 1;
        var properties = topic + record[topic - 1] + 2;
        return new Dictionary<string, int>
        {
            ["length, high byte"] = 0,
            ["length, low byte"] = 3,
            ["magic"] = 4,
            ["magic, low byte"] = 7,
            ["CRC"] = 8,
            ["queue id"] = 15,
            ["flag"] = 19,
            ["queue offset, high byte"] = 20,
            ["queue offset, low byte"] = 27,
            ["log offset"] = 35,
            ["system flag"] = 39,
            ["born time"] = 47,
            ["born host"] = 51,
            ["store time"] = 63,
            ["store host"] = 67,
            ["reconsume times"] = 75,
            ["transaction"] = 83,
            ["length of the body"] = 86,
            ["body"] = Body,
            ["length of the topic"] = topic - 1,
            ["topic"] = topic,
            ["length of the properties"] = properties - 1,
            ["properties"] = properties,
            ["end"] = record.Length - 1,
        };
    }

    public static string Describe(MessageExt message)
        => $"{message.Topic}/{message.QueueId}@{message.QueueOffset} {message.CommitLogOffset} {message.StoreTimestamp} {Encoding.UTF8.GetString(message.Body.Span)} {message.Tags}";

    private static bool IsSegment(string path) => Path.GetFileName(path).All(char.IsAsciiDigit);
}
