using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Hosting;

/// <summary>Says what becomes of messages on which a group's listener throws a certain exception. Not thread-safe.</summary>
/// <typeparam name="TException">The exception, or what it derives from.</typeparam>
public sealed class ErrorRuleBuilder<TException>
    where TException : Exception
{
    private readonly ErrorRule _rule;

    internal ErrorRuleBuilder(ErrorRule rule) => _rule = rule;

    /// <summary>The same; for reading.</summary>
    public ErrorRuleBuilder<TException> Then => this;

    /// <summary>Only exceptions that fit.</summary>
    /// <param name="predicate">Must be thread-safe. One that throws does not fit.</param>
    public ErrorRuleBuilder<TException> When(Func<TException, bool> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        _rule.When = exception => exception is TException known && predicate(known);
        return this;
    }

    /// <summary>Only messages of a topic.</summary>
    public ErrorRuleBuilder<TException> OfTopic(string topic)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(topic);
        _rule.Topic = topic;
        return this;
    }

    /// <summary>
    /// Calls the listener again at once, with the same messages, while it keeps its slot. Each call has the whole
    /// <c>ConsumeTimeout</c>, and all of them together are one attempt.
    /// </summary>
    /// <param name="times">How often, 1 to 100.</param>
    /// <param name="backoff">See <see cref="ErrorRule.Backoff"/>.</param>
    /// <param name="maxBackoff">See <see cref="ErrorRule.MaxBackoff"/>; null: the default, or <paramref name="backoff"/> if longer.</param>
    /// <param name="jitter">See <see cref="ErrorRule.Jitter"/>.</param>
    public ErrorRuleBuilder<TException> RetryHere(int times, TimeSpan? backoff = null, TimeSpan? maxBackoff = null, double jitter = 0.2)
    {
        _rule.RetryHere = times;
        _rule.Backoff = backoff ?? _rule.Backoff;
        _rule.MaxBackoff = maxBackoff ?? (_rule.Backoff > _rule.MaxBackoff ? _rule.Backoff : _rule.MaxBackoff);
        _rule.Jitter = jitter;
        return this;
    }

    /// <summary>See <see cref="ErrorAction.RetryLater"/>.</summary>
    /// <param name="after">The time, 0 to 40 days.</param>
    public ErrorRuleBuilder<TException> RetryLater(TimeSpan after)
    {
        (_rule.Then, _rule.RetryAfter) = (ErrorAction.RetryLater, after);
        return this;
    }

    /// <summary>See <see cref="ErrorAction.DeadLetter"/>.</summary>
    public ErrorRuleBuilder<TException> DeadLetter()
    {
        _rule.Then = ErrorAction.DeadLetter;
        return this;
    }

    /// <summary>See <see cref="ErrorAction.Stop"/>.</summary>
    public ErrorRuleBuilder<TException> Stop()
    {
        _rule.Then = ErrorAction.Stop;
        return this;
    }
}

/// <summary>What a group does with errors.</summary>
public sealed partial class ConsumerBuilder
{
    /// <summary>
    /// Adds a rule for messages on which the listener throws. Rules are asked in the order in which they were added, and the first
    /// that fits decides; those of configuration (<see cref="ConsumerOptions.ErrorRules"/>) come last.
    /// </summary>
    /// <typeparam name="TException">The exception, or what it derives from.</typeparam>
    /// <param name="rule">Says what happens.</param>
    public ConsumerBuilder OnError<TException>(Action<ErrorRuleBuilder<TException>> rule)
        where TException : Exception
    {
        ArgumentNullException.ThrowIfNull(rule);
        var made = new ErrorRule { When = static exception => exception is TException };
        rule(new(made));
        Options.ErrorRules.Add(made);
        return this;
    }
}
