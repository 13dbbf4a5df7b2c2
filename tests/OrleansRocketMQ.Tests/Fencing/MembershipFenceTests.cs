using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Fencing;

namespace OrleansRocketMQ.Tests.Fencing;

/// <summary>When a silo may believe that it is part of the cluster, by the clock.</summary>
public sealed class MembershipFenceTests
{
    private static readonly SiloAddress Me = SiloAddress.New(IPAddress.Loopback, 11111, 1);

    private readonly ManualTimeProvider _time = new();
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

        // A quarter of two minutes passes between two readings.
        Assert.InRange(_membership.Readings, 8, 10);
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
        _time.Jump(TimeSpan.FromSeconds(16));
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
    public async Task Without_a_time_nothing_closes_it()
    {
        await using var fence = Start(TimeSpan.Zero);
        _membership.IsAway = true;
        _time.Jump(TimeSpan.FromHours(1));

        Assert.False(fence.IsClosed);
        Assert.Equal(0, _membership.Readings);
    }

    private MembershipFence Start(TimeSpan? timeout = null)
    {
        var options = new RocketMQOptions();
        options.MembershipTimeout = timeout ?? options.MembershipTimeout;
        var fence = new MembershipFence(
            _membership, new Local(), Options.Create(options), Options.Create(new ClusterMembershipOptions()), _time, NullLogger<MembershipFence>.Instance);
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

    private sealed class StagedMembership : IClusterMembershipService
    {
        private int _looks;
        private int _readings;

        public volatile SiloStatus Status = SiloStatus.Active;

        public volatile bool IsAway;

        public int Looks => Volatile.Read(ref _looks);

        public int Readings => Volatile.Read(ref _readings);

        public ClusterMembershipSnapshot CurrentSnapshot
        {
            get
            {
                Interlocked.Increment(ref _looks);
                return new(ImmutableDictionary<SiloAddress, ClusterMember>.Empty.Add(Me, new ClusterMember(Me, Status, "me")), new MembershipVersion(1));
            }
        }

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _readings);
            return IsAway ? ValueTask.FromException(new TimeoutException("The table is away.")) : ValueTask.CompletedTask;
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
