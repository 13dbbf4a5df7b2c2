using System.Text;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>An expression of tags, as an operator types it or a heartbeat brings it.</summary>
internal sealed class TagTarget : FuzzTarget
{
    public override string Name => "tags";

    public override IReadOnlyList<string> Decoders => [nameof(MessageSelector)];

    public override IReadOnlyList<byte[]> Words { get; } = [.. new[] { "||", "|", "*", " ", "a", "\u0001", "\u0002", "\n" }.Select(Encoding.UTF8.GetBytes)];

    public override IEnumerable<byte[]> Seeds() => new[] { "a", "a || b", "*", "", " || ", "a||b||c" }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        try
        {
            var selector = MessageSelector.ByTag(Encoding.UTF8.GetString(input));
            Must(selector.SelectsAll == (selector.Tags.Count == 0), "it selects nothing, and says all");
            Must(selector.Tags.All(tag => tag.Length > 0 && tag == tag.Trim() && !tag.Contains("||", StringComparison.Ordinal)), "a tag that is none");
            Must(MessageSelector.ByTag(selector.Expression).Tags.SequenceEqual(selector.Tags), "read again it selects others");
            return true;
        }
        catch (RocketMQValidationException)
        {
            return false;
        }
    }
}
