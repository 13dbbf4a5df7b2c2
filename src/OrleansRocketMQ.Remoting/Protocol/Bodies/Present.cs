namespace OrleansRocketMQ.Protocol;

/// <summary>
/// What is there of a list in JSON. Servers that are not Java's write <c>null</c> where Java leaves a field out; nobody who
/// works with a list looks for that.
/// </summary>
internal static class Present
{
    public static IReadOnlyList<T> Of<T>(IReadOnlyList<T>? items)
        where T : class
        => items is null ? [] : items.Contains(null) ? [.. items.OfType<T>()] : items;

    public static IReadOnlyDictionary<TKey, TValue> Of<TKey, TValue>(IReadOnlyDictionary<TKey, TValue>? entries)
        where TKey : notnull
        where TValue : class
        => entries is null ? new Dictionary<TKey, TValue>()
            : entries.Values.Contains(null)
                ? entries.Where(entry => entry.Value is not null).ToDictionary(entry => entry.Key, entry => entry.Value)
            : entries;
}
