using System.Globalization;
using System.Text;

namespace OrleansRocketMQ.Chaos.Listeners;

/// <summary>A message's body is its key and its number among those of the key: <c>key-7 42</c>.</summary>
internal static class ChaosMessage
{
    private const int OneOf = 50;

    public static bool FailsFirst(MessageExt message)
        => int.Parse(Encoding.UTF8.GetString(message.Body.Span).Split(' ')[1], CultureInfo.InvariantCulture) % OneOf == OneOf - 1;

    /// <summary>So long that faults find messages in work.</summary>
    public static Task WorkAsync(CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromMilliseconds(Slowness.IsWanted ? 200 : 2), cancellationToken);
}
