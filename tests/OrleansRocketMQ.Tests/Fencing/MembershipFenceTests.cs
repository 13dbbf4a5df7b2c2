using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Fencing;
using OrleansRocketMQ.Health;

namespace OrleansRocketMQ.Tests.Fencing;

/// <summary>When a silo may believe that it is part of the cluster, by the clock.</summary>
public sealed class MembershipFenceTests
{
    private static readonly SiloAddress Me = SiloAddress.New(IPAddress.Loopback, 11111, 1);

    private readonly FakeTimeProvider _time = new();
    private readonly StagedMembership _membership = new();

    [Fact]
    public async Task It_is_open_as_long_as_the_membership_can_be_read()
    {
        await using var fence = Start();
        for (var second = 0; second < 300; second++)
        {
            await TickAsync();
            Assert.False(fence.IsClosed);
        }

        // A quarter of two minutes passes, and then it reads twice, as it may have joined a reading of somebody else's.
        Assert.InRange(_membership.Readings, 16, 20);
    }

    [Fact]
    public async Task It_closes_when_the_time_is_over_and_opens_with_the_first_reading()
    {
        await using var fence = Start();
        var told = new List<bool>();
        fence.Changed += told.Add;
        _membership.IsAway = true;
        for (var second = 0; second < 119; second++)
        {
            await TickAsync();
        }

        Assert.False(fence.IsClosed);
        await TickAsync();
        await TickAsync();
        Assert.True(fence.IsClosed);
        var opens = fence.WaitUntilOpenAsync(CancellationToken.None);
        Assert.False(opens.IsCompleted);

        _membership.IsAway = false;
        await TickAsync();
        await opens.WaitAsync(Eventually.Deadline);
        Assert.False(fence.IsClosed);
        await Eventually.TrueAsync(() => told.Count == 2, "told of both");
        Assert.Equal([true, false], told);
    }

    [Fact]
    public async Task A_process_that_stood_still_is_closed_out_in_its_first_instant_and_until_it_has_read_anew()
    {
        await using var fence = Start();
        await TickAsync();

        // Others declare a silo dead after three probes of five seconds. No timer has run yet.
        _membership.IsAway = true;
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(16));
        Assert.True(fence.IsClosed);

        await TickAsync();
        Assert.True(fence.IsClosed);
        _membership.IsAway = false;
        await TickAsync();
        await fence.WaitUntilOpenAsync(CancellationToken.None).WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Who_was_declared_dead_stays_out()
    {
        await using var fence = Start();
        _membership.Status = SiloStatus.Dead;
        await TickAsync();

        await Eventually.TrueAsync(() => fence.IsClosed, "closed");
        await TickAsync();
        Assert.True(fence.IsClosed);
    }

    [Fact]
    public async Task A_silo_that_shuts_down_may_end_its_work()
    {
        await using var fence = Start();
        _membership.Status = SiloStatus.ShuttingDown;
        await TickAsync();

        Assert.False(fence.IsClosed);
    }

    [Fact]
    public async Task Without_a_time_a_table_that_is_away_closes_nothing()
    {
        await using var fence = Start(TimeSpan.Zero);
        _membership.IsAway = true;
        for (var second = 0; second < 60; second++)
        {
            await TickAsync();
            Assert.False(fence.IsClosed);
        }

        Assert.Equal(0, _membership.Readings);
    }

    [Fact]
    public async Task Without_a_time_a_standstill_closes_it_all_the_same_until_the_table_was_read()
    {
        await using var fence = Start(TimeSpan.Zero);
        await TickAsync();
        _membership.IsAway = true;
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(16));
        Assert.True(fence.IsClosed);
        await TickAsync();
        Assert.True(fence.IsClosed);

        _membership.IsAway = false;
        await TickAsync();
        await fence.WaitUntilOpenAsync(CancellationToken.None).WaitAsync(Eventually.Deadline);
    }

    [Fact]
    public async Task Without_a_time_who_was_declared_dead_stays_out_all_the_same()
    {
        await using var fence = Start(TimeSpan.Zero);
        _membership.Status = SiloStatus.Dead;
        await TickAsync();

        await Eventually.TrueAsync(() => fence.WhyClosed?.Contains("declared this silo dead", StringComparison.Ordinal) == true, "closed");
    }

    [Theory]
    [InlineData(SiloStatus.Active)]
    [InlineData(SiloStatus.Dead)]
    public async Task A_reading_begun_before_the_standstill_opens_nothing_however_late_its_answer_comes(SiloStatus meanwhile)
    {
        await using var fence = Start();
        await TickAsync();
        _membership.Holds = true;
        var before = _membership.Refresh().AsTask();

        // The others declare this silo dead while it stands still and the answer of before waits in its socket.
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(16));
        _membership.InTable = meanwhile;
        await TickAsync();
        _membership.Release();
        await before;
        await Eventually.TrueAsync(() => _membership.Readings == 2, "the fence has asked for a reading of its own");
        Assert.Contains("stood still", fence.WhyClosed, StringComparison.Ordinal);

        _membership.Release();
        if (meanwhile == SiloStatus.Active)
        {
            await fence.WaitUntilOpenAsync(CancellationToken.None).WaitAsync(Eventually.Deadline);
        }
        else
        {
            await Eventually.TrueAsync(() => fence.WhyClosed!.Contains("declared this silo dead", StringComparison.Ordinal), "it knows that it is dead");
        }
    }

    [Fact]
    public async Task One_that_fails_to_hear_neither_ends_the_watch_nor_keeps_the_others_from_hearing()
    {
        await using var fence = Start();
        var told = new List<bool>();
        fence.Changed += _ => throw new InvalidOperationException("deaf");
        fence.Changed += told.Add;
        await TickAsync();
        _membership.IsAway = true;
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(16));
        await TickAsync();

        _membership.IsAway = false;
        await TickAsync();
        await fence.WaitUntilOpenAsync(CancellationToken.None).WaitAsync(Eventually.Deadline);
        await TickAsync();
        Assert.Equal([true, false], told);
        Assert.False(fence.HasFailed);
    }

    [Fact]
    public async Task A_look_that_fails_is_followed_by_the_next()
    {
        await using var fence = Start();
        _membership.IsBroken = true;
        await TickAsync();
        await TickAsync();
        _membership.IsBroken = false;
        _membership.Status = SiloStatus.Dead;
        await TickAsync();

        await Eventually.TrueAsync(() => fence.IsClosed, "it still looks");
        Assert.False(fence.HasFailed);
    }

    [Theory]
    [InlineData(false, HealthStatus.Healthy)]
    [InlineData(true, HealthStatus.Unhealthy)]
    public async Task A_silo_whose_membership_nobody_watches_any_more_must_be_started_anew(bool logFails, HealthStatus expected)
    {
        await using var fence = Start(logger: logFails ? new FullDisk() : null);
        var check = new LivenessCheck(_membership, new Local(), fence);
        _membership.IsBroken = true;
        await TickAsync();
        _membership.IsBroken = false;
        await Eventually.TrueAsync(() => fence.HasFailed == logFails, "the watch has ended, if it is to");

        var result = await check.CheckHealthAsync(new HealthCheckContext { Registration = new("live", check, HealthStatus.Unhealthy, tags: null) });

        Assert.Equal(expected, result.Status);
    }

    /// <summary>In 10.4.2 a probe's time is adapted between half and four times the one set, unless these are set too.</summary>
    [Theory]
    [InlineData(5.0, null, 3, 7.5)]
    [InlineData(10.0, null, 3, 15.0)]
    [InlineData(5.0, 5.0, 3, 15.0)]
    [InlineData(2.0, 1.5, 2, 3.0)]
    // A minimum above the time to begin with does not hold before the first adaptation.
    [InlineData(2.0, 4.0, 3, 6.0)]
    // A busy machine is late by as much.
    [InlineData(0.5, null, 2, 2.0)]
    public void A_standstill_counts_from_the_shortest_time_in_which_others_can_declare_a_silo_dead(double probe, double? min, int missed, double expected)
    {
        var options = new ClusterMembershipOptions { ProbeTimeout = TimeSpan.FromSeconds(probe), NumMissedProbesLimit = missed };
        options.MinProbeTimeout = min is { } least ? TimeSpan.FromSeconds(least) : options.MinProbeTimeout;

        Assert.Equal(TimeSpan.FromSeconds(expected), MembershipFence.StallOf(options));
    }

    [Fact]
    public async Task A_silo_of_the_usual_settings_is_closed_out_after_a_standstill_of_eight_seconds_but_not_of_seven()
    {
        await using var fence = Start();
        await TickAsync();

        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(7));
        Assert.False(fence.IsClosed);
        _time.AdjustTime(_time.GetUtcNow() + TimeSpan.FromSeconds(1));
        Assert.True(fence.IsClosed);
    }

    private MembershipFence Start(TimeSpan? timeout = null, ILogger<MembershipFence>? logger = null)
    {
        var options = new RocketMQOptions();
        options.MembershipTimeout = timeout ?? options.MembershipTimeout;
        var fence = new MembershipFence(
            _membership, new Local(), Options.Create(options), Options.Create(new ClusterMembershipOptions()), _time, logger ?? NullLogger<MembershipFence>.Instance);
        fence.Start();
        return fence;
    }

    /// <summary>A second passes, and what the fence does in it is done.</summary>
    private async Task TickAsync()
    {
        var looks = _membership.Looks;
        _time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.TrueAsync(() => _membership.Looks > looks, "the fence has looked");
    }

    /// <summary>A log that cannot be written.</summary>
    private sealed class FullDisk : ILogger<MembershipFence>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => throw new IOException("No space left.");
    }

    /// <summary>As Orleans has it: who asks while a reading is under way joins it, and its answer is as old as its beginning.</summary>
    private sealed class StagedMembership : IClusterMembershipService
    {
        private readonly Lock _gate = new();
        private (TaskCompletionSource Ended, SiloStatus Answer)? _reading;
        private int _looks;
        private int _readings;

        public volatile SiloStatus Status = SiloStatus.Active;

        /// <summary>What the table says; the silo knows it once a reading that has begun since has ended.</summary>
        public volatile SiloStatus InTable = SiloStatus.Active;

        public volatile bool IsAway;

        public volatile bool IsBroken;

        /// <summary>A reading ends when it is released.</summary>
        public volatile bool Holds;

        public int Looks => Volatile.Read(ref _looks);

        public int Readings => Volatile.Read(ref _readings);

        public ClusterMembershipSnapshot CurrentSnapshot
        {
            get
            {
                Interlocked.Increment(ref _looks);
                return IsBroken
                    ? throw new InvalidOperationException("broken")
                    : new(ImmutableDictionary<SiloAddress, ClusterMember>.Empty.Add(Me, new ClusterMember(Me, Status, "me")), new MembershipVersion(1));
            }
        }

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            lock (_gate)
            {
                if (_reading is not null)
                {
                    return new(_reading.Value.Ended.Task.WaitAsync(cancellationToken));
                }

                Interlocked.Increment(ref _readings);
                if (Holds)
                {
                    _reading = (new(TaskCreationOptions.RunContinuationsAsynchronously), InTable);
                    return new(_reading.Value.Ended.Task.WaitAsync(cancellationToken));
                }
            }

            return IsAway ? ValueTask.FromException(new TimeoutException("The table is away.")) : ValueTask.CompletedTask;
        }

        public void Release()
        {
            lock (_gate)
            {
                var (ended, answer) = _reading!.Value;
                Status = answer;
                _reading = null;
                ended.SetResult();
            }
        }

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }

    private sealed class Local : ILocalSiloDetails
    {
        public string Name => "me";

        public string ClusterId => "cluster";

        public string DnsHostName => "localhost";

        public SiloAddress SiloAddress => Me;

        public SiloAddress GatewayAddress => Me;
    }
}
