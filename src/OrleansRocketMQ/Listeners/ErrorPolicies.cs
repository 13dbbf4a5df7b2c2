using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Dispatch;

/// <summary>The error rules of this silo's groups. Thread-safe.</summary>
internal sealed partial class ErrorPolicies
{
    private readonly Dictionary<string, ErrorPolicy> _byGroup = new(StringComparer.Ordinal);

    /// <summary>Tells of rules for exceptions that nobody knows: mostly a name in configuration that is misspelt.</summary>
    public ErrorPolicies(IEnumerable<ConsumerOptions> groups, EngineRuntime runtime, ILogger<ErrorPolicies> logger)
    {
        foreach (var group in groups.Where(group => group.ErrorRules.Count > 0))
        {
            _byGroup.Add(group.Group, new(group, runtime, logger));
            foreach (var (index, rule) in group.ErrorRules.Index())
            {
                if (rule.Exception is { } name && !ExceptionNames.IsKnown(name))
                {
                    Log.ExceptionUnknown(logger, index, group.Group, name);
                }
            }
        }
    }

    /// <summary>Those of a group; null when it has none.</summary>
    public ErrorPolicy? Of(string group) => _byGroup.Count == 0 ? null : _byGroup.GetValueOrDefault(group);

    private static partial class Log
    {
        [LoggerMessage(
            530,
            LogLevel.Warning,
            "Error rule {Index} of group {Group} is for exceptions named {Name}, and no class of that name is loaded: it fits none so far")]
        public static partial void ExceptionUnknown(ILogger logger, int index, string group, string name);
    }
}

/// <summary>The error rules of a group. Thread-safe.</summary>
internal sealed partial class ErrorPolicy(ConsumerOptions options, EngineRuntime runtime, ILogger logger)
{
    /// <summary>The rule that decides about an exception; null when none does.</summary>
    public ErrorRule? RuleOf(Exception exception, string topic)
    {
        foreach (var rule in options.ErrorRules)
        {
            try
            {
                if (rule.Fits(exception, topic))
                {
                    return rule;
                }
            }
            catch (Exception failure)
            {
                // Then it does not fit.
                Log.RuleFailed(logger, options.Group, exception.GetType(), failure);
            }
        }

        return null;
    }

    /// <summary>Calls a listener, and again as often as the rule of what it throws says.</summary>
    /// <param name="call">The call.</param>
    /// <param name="topic">The messages' topic.</param>
    /// <param name="again">Makes ready for another one.</param>
    /// <param name="cancellationToken">Fires when nobody wants another one.</param>
    public async ValueTask<T> CallAsync<T>(Func<ValueTask<T>> call, string topic, Action again, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            ExceptionDispatchInfo thrown;
            TimeSpan wait;
            try
            {
                return await call();
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested
                && RuleOf(exception, topic) is { } rule && attempt <= rule.RetryHere)
            {
                thrown = ExceptionDispatchInfo.Capture(exception);
                wait = rule.WaitBefore(attempt, runtime.Random);
            }

            try
            {
                again();
                await Task.Delay(wait, runtime.Time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                thrown.Throw();
            }

            again();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            118,
            LogLevel.Error,
            "An error rule of group {Group} failed on an exception of type {Type}; it does not count, the next one is asked")]
        public static partial void RuleFailed(ILogger logger, string group, Type type, Exception exception);
    }
}

/// <summary>What a listener has thrown, and what a rule wants of the messages.</summary>
/// <param name="Exception">The exception.</param>
/// <param name="Type">Its kind, in few different words.</param>
/// <param name="Rule">The rule; null when there is none.</param>
internal sealed record ThrownError(Exception Exception, string Type, ErrorRule? Rule)
{
    public string Message => Exception.Message;

    public string? Stack { get; } = ShortStack.Of(Exception);

    /// <summary>A message that has failed by it.</summary>
    /// <param name="index">Its place in the run.</param>
    /// <param name="delayLevel">When it is to come again unless a rule says otherwise.</param>
    public ListenerFailure On(int index, int delayLevel) => (Rule?.Then ?? ErrorAction.AsUsual) switch
    {
        ErrorAction.RetryLater => new(index, DelayLevels.Of(Rule!.RetryAfter), Message, Type)
        {
            RetryAfter = Rule.RetryAfter,
            Stack = Stack,
        },
        ErrorAction.DeadLetter => new(index, ConsumeContext.ToDeadLetters, Message, Type, Message) { Stack = Stack },
        ErrorAction.Stop => new(index, delayLevel, Message, Type) { StopsQueue = true, Stack = Stack },
        _ => new(index, delayLevel, Message, Type) { Stack = Stack },
    };

    /// <summary>A batch in order that has failed by it.</summary>
    public StoppedBatch On(StoppedBatch batch) => (Rule?.Then ?? ErrorAction.AsUsual) switch
    {
        ErrorAction.RetryLater => batch with { RetryAfter = Rule!.RetryAfter, Stack = Stack },
        ErrorAction.DeadLetter => batch with { Reason = Message, Stack = Stack },
        ErrorAction.Stop => batch with { StopsQueue = true, Stack = Stack },
        _ => batch with { Stack = Stack },
    };
}
