namespace OrleansRocketMQ.Benchmarks;

/// <summary>One plot: what grows, from where to where, and what is consumed at each point.</summary>
/// <param name="Over">What grows.</param>
/// <param name="Values">How many of it, or how large it is.</param>
/// <param name="Modes">How it is consumed, as <see cref="Subject"/> names it; a line of the plot each.</param>
/// <param name="Load">What is consumed at a value.</param>
internal sealed record GrowthRow(string Over, int[] Values, string Modes, Func<int, GrowthLoad> Load)
{
    private const int QueuesOfTopic = 1000;
    private const int QueuesOfSubscriptions = 1000;

    // Messages of every length take about as many bytes in all, and the longest are still some hundreds.
    private const long BytesOfLengths = 1_000_000_000;
    private const int FewestOfLength = 240;

    /// <summary>Whether a message costs more where the value is larger, so that only the logarithm of both shows by how much.</summary>
    public bool IsOfLength => Over == "bytes";

    public static GrowthRow[] All(Arguments arguments)
    {
        var messages = arguments.Number("messages", 640_000);
        var modes = arguments["modes"] ?? "concurrent-1";
        var plain = new GrowthLoad(messages, arguments.BodyLength);
        return
        [
            new("queues", [1, 10, 100, 1000, 10_000], modes, value => plain with
            {
                Topics = (value + QueuesOfTopic - 1) / QueuesOfTopic,
                QueuesOfTopic = Math.Min(value, QueuesOfTopic),
            }),
            new("subscriptions", [1, 10, 100, 1000], modes, value => plain with
            {
                Topics = value,
                QueuesOfTopic = Math.Max(1, QueuesOfSubscriptions / value),
            }),
            new("silos", [1, 2, 4, 8], modes, value => plain with { Silos = value, QueuesOfTopic = 16 }),
            new("keys", [10, 1000, 100_000, 1_000_000], "keyed-1", value => plain with { Keys = value, QueuesOfTopic = 10 }),
            new("bytes", [100, 1024, 10_240, 102_400, 1_048_576, 4_194_304], modes, value => plain with
            {
                BodyLength = value,
                Messages = (int)Math.Min(messages, Math.Max(FewestOfLength, BytesOfLengths / value)),
            }),
        ];
    }
}
