using System.Text;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Store;

/// <summary>What queues keep of a message's tag: Java's hash of it, 0 for none. Mirrors <c>tagsString2tagsCode</c>.</summary>
internal static class TagHash
{
    public static int Of(string? tag) => string.IsNullOrEmpty(tag) ? 0 : JavaString.HashCode(tag);

    public static int Of(ReadOnlySpan<byte> storedProperties)
        => MessageProperties.TryFind(storedProperties, "TAGS"u8, out var tag) ? Of(Encoding.UTF8.GetString(tag)) : 0;
}
