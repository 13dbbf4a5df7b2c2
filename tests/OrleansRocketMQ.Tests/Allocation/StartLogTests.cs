using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Allocation;

/// <summary>What a silo tells of queues that it cannot start, as in the seconds after a crash of another.</summary>
public sealed partial class StartLogTests
{
    [Fact]
    public async Task Queues_that_could_not_be_started_are_told_in_one_line_per_look_without_stack_traces()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 8);
        var refusals = new Refusals();
        using var log = new Warnings();
        await using var cluster = await TestCluster.BeginAsync(
            rocketmq.Embedded.NameServerAddress,
            rocketmq.MyGroup,
            TestRocketMQ.Topic,
            rocketmq.Recorder.Succeed(),
            setUp: builder =>
            {
                builder.Services.AddSingleton<IIncomingGrainCallFilter>(refusals);
                builder.Services.AddLogging(logging => logging.AddProvider(log));
                DeclaredListeners.HideIn(builder.Services);
            });

        await Eventually.TrueAsync(() => log.Lines.Count(line => Counts().IsMatch(line.Text)) >= 2, "two looks have told of it");
        refusals.AreOn = false;
        await cluster.UntilReadyAsync(rocketmq.MyGroup);

        var counts = log.Lines.Select(line => Counts().Match(line.Text)).Where(match => match.Success).Select(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(refusals.Count, counts.Sum());
        Assert.InRange(counts.Max(), 8, 9);
        Assert.DoesNotContain(log.Lines, line => line.Error is NotSupportedException);
    }

    [GeneratedRegex(@"(\d+) of \d+ queues could not be started, they are tried again; the first is .*: not now")]
    private static partial Regex Counts();

    private sealed class Refusals : IIncomingGrainCallFilter
    {
        private int _count;

        public bool AreOn { get; set; } = true;

        public int Count => Volatile.Read(ref _count);

        public Task Invoke(IIncomingGrainCallContext context)
        {
            if (!AreOn || context.MethodName != nameof(IMessageQueueGrain.EnsureStartedAsync))
            {
                return context.Invoke();
            }

            Interlocked.Increment(ref _count);
            throw new NotSupportedException("not now");
        }
    }

    private sealed class Warnings : ILoggerProvider, ILogger
    {
        private readonly ConcurrentQueue<(string Text, Exception? Error)> _lines = new();

        public IReadOnlyCollection<(string Text, Exception? Error)> Lines => _lines;

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                _lines.Enqueue((formatter(state, exception), exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
