using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.TestKit;

/// <summary>Messages that wait for their time, without waiting for it.</summary>
public sealed partial class RocketMQTestKit
{
    private readonly KitClock _clock;

    /// <summary>
    /// The clock of the broker, the silos and <see cref="Producer"/>: the system's, as far ahead as <see cref="Advance"/> has set it.
    /// Silos have it as their <see cref="TimeProvider"/> unless <see cref="RocketMQTestKitOptions.ConfigureSilo"/> gives them another.
    /// </summary>
    public TimeProvider Time => _clock;

    /// <summary>
    /// Sets the clock ahead: when this returns, the broker has moved every message to its topic whose time has come by then,
    /// whether a listener asked for it (<c>RetryAfter</c>, rules with <c>Later</c>), a delay level, or its sender by a time of
    /// delivery. Messages that come to wait afterwards wait from the new time on.
    /// </summary>
    /// <remarks>
    /// Only the time of day jumps. How long calls and requests may take, and how long a silo holds back a queue or a key by itself
    /// (orderly and key-ordered listeners), goes by real time; a test sets those short by options.
    /// </remarks>
    /// <param name="time">By how much; more than zero.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="time"/> is not above zero.</exception>
    /// <exception cref="InvalidOperationException">
    /// The broker has a clock of its own (<c>RocketMQTestKitOptions.Embedded.TimeProvider</c>), which the test sets itself.
    /// </exception>
    public void Advance(TimeSpan time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
        if (_options.HasClock)
        {
            throw new InvalidOperationException(
                $"The embedded broker goes by {nameof(RocketMQTestKitOptions)}.{nameof(RocketMQTestKitOptions.Embedded)}.TimeProvider; "
                + "advance that clock, or leave it out.");
        }

        _clock.Advance(time);
    }

    /// <summary>Waits until so many messages wait at the broker for the time at which they are to come to a topic.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="count">How many must wait at least.</param>
    /// <param name="deadline">How long to wait; null means <see cref="RocketMQTestKitOptions.Deadline"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="TimeoutException">There were too few in time; the message says how many.</exception>
    public Task UntilDelayedAsync(
        string topic, int count = 1, TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var waiting = 0;
        return UntilNothingIsMissingAsync(
            () => (waiting = Embedded.Brokers.Sum(broker => broker.DelayedMessages(topic))) >= count ? [] : [$"{waiting} of {count}"],
            _ => $"There were {waiting} of {count} messages that wait for their time to come to topic '{topic}'{Within(deadline)}.",
            deadline,
            cancellationToken);
    }

    /// <summary>Waits until so many messages on which a group has failed wait at the broker to come to it again.</summary>
    /// <param name="group">The group.</param>
    /// <param name="count">How many must wait at least.</param>
    /// <param name="deadline">How long to wait; null means <see cref="RocketMQTestKitOptions.Deadline"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="TimeoutException">There were too few in time; the message says how many.</exception>
    public Task UntilRetryWaitsAsync(
        string group, int count = 1, TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(group);
        return UntilDelayedAsync(SystemTopics.Retry(group), count, deadline, cancellationToken);
    }
}
