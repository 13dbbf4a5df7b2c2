namespace OrleansRocketMQ;

/// <summary>
/// Times as messages carry them. Anybody may have written anything there, such as nanoseconds instead of milliseconds: what
/// no clock shows becomes the nearest time that one does.
/// </summary>
internal static class StoredTime
{
    private static readonly long First = DateTimeOffset.MinValue.ToUnixTimeMilliseconds();
    private static readonly long Last = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();

    /// <param name="milliseconds">Since 1970 UTC.</param>
    public static DateTimeOffset Of(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(milliseconds, First, Last));
}
