namespace WindowedCounts;

/// <summary>
/// The views of one page, counted in windows of a minute. What is counted and how far each queue was counted are one
/// record: they are written together or not at all.
/// </summary>
[GenerateSerializer]
internal sealed class PageViews
{
    /// <summary>Counts by the minute in which a window begins.</summary>
    [Id(0)]
    public SortedDictionary<DateTimeOffset, int> Windows { get; set; } = [];

    /// <summary>For each queue the page's views came through (one, unless the topic got more queues), the offset of the last that was counted.</summary>
    [Id(1)]
    public Dictionary<string, long> CountedUpTo { get; set; } = [];

    /// <summary>Views that were not counted, because they were counted before.</summary>
    [Id(2)]
    public int Repeats { get; set; }
}

/// <summary>Tells the counts of a page; the grain's key is the page.</summary>
internal interface IPageGrain : IGrainWithStringKey
{
    Task<PageViews> GetViewsAsync();
}
