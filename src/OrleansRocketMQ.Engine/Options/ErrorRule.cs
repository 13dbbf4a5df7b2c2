using OrleansRocketMQ.Engine.Options;

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// What becomes of messages on which a listener throws a certain exception. Rules are asked in order, the first that fits
/// decides; without one it is as usual. Bound from <c>RocketMQ:Consumers:{group}:ErrorRules:{n}</c>.
/// </summary>
public sealed class ErrorRule
{
    /// <summary>
    /// The exception's class or one it derives from, by its full name or its name alone, such as <c>TimeoutException</c>; null for
    /// any. Default null.
    /// </summary>
    public string? Exception { get; set; }

    /// <summary>The topic of the messages; null for any. Default null.</summary>
    public string? Topic { get; set; }

    /// <summary>How often the listener is called again at once, with the same messages, 0 to 100. Default 0.</summary>
    public int RetryHere { get; set; }

    /// <summary>The wait before the first of these calls; it doubles with each, 1 ms to 10 minutes. Default 100 ms.</summary>
    public TimeSpan Backoff { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest of these waits, <see cref="Backoff"/> to 10 minutes. Default 10 s.</summary>
    public TimeSpan MaxBackoff { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Which part of a wait is left to chance, 0 to 1, so that not all try again at once. Default 0.2.</summary>
    public double Jitter { get; set; } = 0.2;

    /// <summary>What happens when that does not help. Default <see cref="ErrorAction.AsUsual"/>.</summary>
    public ErrorAction Then { get; set; }

    /// <summary>For <see cref="ErrorAction.RetryLater"/>: after which time, 0 to 40 days. Default 1 minute.</summary>
    public TimeSpan RetryAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>What code asks beyond the class of the exception; null when nothing.</summary>
    internal Func<Exception, bool>? When { get; set; }

    /// <summary>The wait before a further call here.</summary>
    /// <param name="attempt">Which one, from 1.</param>
    /// <param name="random">Chance.</param>
    internal TimeSpan WaitBefore(int attempt, Random random)
    {
        var full = Math.Min(MaxBackoff.TotalMilliseconds, Backoff.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 30)));
        return TimeSpan.FromMilliseconds(full * (1 - (Jitter * random.NextDouble())));
    }

    /// <summary>Whether it is for an exception on messages of a topic.</summary>
    internal bool Fits(Exception exception, string topic)
        => (Topic is null || Topic == topic) && IsNamed(exception.GetType()) && When?.Invoke(exception) != false;

    /// <exception cref="RocketMQConfigurationException">A value is out of its range.</exception>
    internal void Check(string section)
    {
        var longest = TimeSpan.FromMinutes(10);
        if (Exception is not null && string.IsNullOrWhiteSpace(Exception))
        {
            throw new RocketMQConfigurationException(
                $"{section}:{nameof(Exception)}", Exception, "the name of a class, or nothing for all exceptions");
        }

        Setting.Between(RetryHere, 0, 100, section);
        Setting.Between(Backoff, TimeSpan.FromMilliseconds(1), longest, section);
        Setting.Between(MaxBackoff, Backoff, longest, section);
        Setting.Between(Jitter, 0, 1, section);
        Setting.Between(RetryAfter, TimeSpan.Zero, TimeSpan.FromDays(40), section);
        Setting.Defined(Then, section);
    }

    private bool IsNamed(Type? type)
    {
        for (; Exception is not null && type is not null; type = type.BaseType)
        {
            if (type.FullName == Exception || type.Name == Exception)
            {
                return true;
            }
        }

        return Exception is null;
    }
}

/// <summary>What becomes of messages that a listener has thrown on.</summary>
public enum ErrorAction
{
    /// <summary>As without a rule: they come again as the group's settings say, and are dead letters in the end.</summary>
    AsUsual = 0,

    /// <summary>
    /// They come again after a time. In order the queue or key is held exactly that long; in no order the broker brings them back,
    /// by the first of its delay levels that is not shorter.
    /// </summary>
    RetryLater = 1,

    /// <summary>They are dead letters at once.</summary>
    DeadLetter = 2,

    /// <summary>
    /// They stay where they are, and their queue stands still until it is resumed
    /// (<c>IConsumerGroupManagementGrain.ResumeAsync</c>): status, health and log say why. It does so on whatever silo it moves to
    /// and after a restart; in broadcasting on its silo only, until that restarts.
    /// </summary>
    Stop = 3,
}
