namespace OrleansRocketMQ.Dispatch;

/// <summary>Where an exception was thrown, short enough to go along with a message.</summary>
internal static class ShortStack
{
    private const int MostFrames = 12;
    private const int Most = 2048;

    /// <summary>The first frames in one line; null when the exception was not thrown.</summary>
    public static string? Of(Exception exception)
    {
        if (exception.StackTrace is not { } stack)
        {
            return null;
        }

        var frames = stack.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Take(MostFrames);
        var text = string.Join(' ', frames);
        return text.Length <= Most ? text : text[..Most];
    }
}
