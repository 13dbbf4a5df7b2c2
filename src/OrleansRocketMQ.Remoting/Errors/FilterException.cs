namespace OrleansRocketMQ;

/// <summary>
/// A filter did not keep its promise: it has neither called <c>next</c> nor given a result, or it did not wait for <c>next</c>.
/// What it filtered counts as failed.
/// </summary>
/// <param name="filter">The filter's class.</param>
/// <param name="reason">What it did.</param>
public sealed class FilterException(Type filter, string reason)
    : RocketMQException(RocketMQErrorCode.Filter, $"Filter {filter?.FullName} {reason}")
{
    /// <summary>The filter's class.</summary>
    public Type Filter { get; } = filter ?? throw new ArgumentNullException(nameof(filter));
}
