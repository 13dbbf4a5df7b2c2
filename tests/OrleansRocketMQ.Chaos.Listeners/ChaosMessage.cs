using System.Text.Json;

namespace OrleansRocketMQ.Chaos.Listeners;

/// <summary>What a message's body says, in JSON.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Number">Its number among those of the key.</param>
public sealed record ChaosNote(string Key, int Number)
{
    private const int OneOf = 50;

    /// <summary>One of 50 messages fails at its first attempt.</summary>
    public bool FailsFirst => Number % OneOf == OneOf - 1;

    /// <summary>No attempt at it succeeds.</summary>
    public bool IsPoison => Key == "poison";

    /// <summary>Reads it from a message.</summary>
    public static ChaosNote Of(MessageExt message) => JsonSerializer.Deserialize<ChaosNote>(message.Body.Span, JsonSerializerOptions.Web)!;
}

/// <summary>What listeners do.</summary>
internal static class ChaosMessage
{
    public static bool IsPoison(MessageExt message) => ChaosNote.Of(message).IsPoison;

    public static bool FailsFirst(MessageExt message) => ChaosNote.Of(message).FailsFirst;

    /// <summary>So long that faults find messages in work.</summary>
    public static Task WorkAsync(CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromMilliseconds(Slowness.IsWanted ? 200 : 2), cancellationToken);
}
