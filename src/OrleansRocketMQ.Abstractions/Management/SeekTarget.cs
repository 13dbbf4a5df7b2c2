using System.Globalization;
using Orleans;

namespace OrleansRocketMQ;

/// <summary>
/// Where queues are to go on: at their first message, behind their last one, at a point in time, or, one queue alone, at an
/// offset. Immutable. Mirrors what <c>DefaultMQPullConsumer.seek</c> and mqadmin's <c>resetOffsetByTime</c> take.
/// </summary>
[GenerateSerializer]
[Immutable]
[Alias("OrleansRocketMQ.SeekTarget")]
public sealed record SeekTarget
{
    private SeekTarget(long? offset = null, DateTimeOffset? time = null, bool isEnd = false)
    {
        Offset = offset;
        Time = time;
        IsEnd = isEnd;
    }

    /// <summary>The first message the broker still holds: everything comes again.</summary>
    public static SeekTarget Begin { get; } = new();

    /// <summary>Behind the last message there is when the seek is made: everything until now is left out.</summary>
    public static SeekTarget End { get; } = new(isEnd: true);

    /// <summary>The offset; null when it is not by offset.</summary>
    [Id(0)]
    public long? Offset { get; }

    /// <summary>The point in time, by the brokers' clocks; null when it is not by time.</summary>
    [Id(1)]
    public DateTimeOffset? Time { get; }

    /// <summary>Whether it is <see cref="End"/>.</summary>
    [Id(2)]
    public bool IsEnd { get; }

    /// <summary>
    /// Whether messages that come again because of the seek have their effects again on grains that keep
    /// <c>ProcessedOffsets</c>. Default false: what was applied stays applied, and is not applied again. Listeners that
    /// keep none get every message in either case.
    /// </summary>
    [Id(3)]
    public bool EffectsAgain { get; init; }

    /// <summary>The message with that offset comes next. For one queue only.</summary>
    /// <param name="offset">The offset, not below 0; that behind the last message is allowed too.</param>
    /// <exception cref="RocketMQValidationException">It is below 0.</exception>
    public static SeekTarget AtOffset(long offset)
        => offset >= 0 ? new(offset) : throw new RocketMQValidationException("Offset", offset, "0 or more");

    /// <summary>The first message stored at that time or later comes next; the end when there is none.</summary>
    public static SeekTarget AtTime(DateTimeOffset time) => new(time: time);

    /// <inheritdoc/>
    public override string ToString() => EffectsAgain ? $"{Place}, effects again" : Place;

    private string Place => this switch
    {
        { Offset: { } offset } => string.Create(CultureInfo.InvariantCulture, $"offset {offset}"),
        { Time: { } time } => string.Create(CultureInfo.InvariantCulture, $"{time:O}"),
        { IsEnd: true } => "end",
        _ => "begin",
    };
}
