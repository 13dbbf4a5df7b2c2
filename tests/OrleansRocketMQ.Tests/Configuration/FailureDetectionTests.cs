using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;

namespace OrleansRocketMQ.Tests.Configuration;

/// <summary>What <c>UseFastFailureDetection()</c> makes of a silo of one's own; the values are those of docs/operations.md.</summary>
public sealed class FailureDetectionTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(7);

    [Fact]
    public void It_sets_how_fast_a_silo_is_given_up_and_how_long_the_directory_waits()
    {
        using var host = Build(silo => silo.UseFastFailureDetection());

        var membership = Options<ClusterMembershipOptions>(host);
        Assert.Equal(TimeSpan.FromSeconds(1), membership.ProbeTimeout);
        Assert.Equal(TimeSpan.FromMilliseconds(750), membership.MinProbeTimeout);
        Assert.Equal(TimeSpan.FromSeconds(2), membership.MaxProbeTimeout);
        Assert.Equal(3, membership.NumMissedProbesLimit);
        Assert.Equal(2, membership.NumVotesForDeathDeclaration);
        Assert.True(membership.EnableConnectionLivenessCheck);
        Assert.Equal(TimeSpan.FromSeconds(5), membership.TableRefreshTimeout);
        Assert.Equal(TimeSpan.Zero, Options<GrainDirectoryOptions>(host).RangeLeaseDuration);
    }

    [Fact]
    public void It_leaves_what_it_does_not_name()
    {
        using var plain = Build(_ => { });
        using var host = Build(silo => silo.UseFastFailureDetection());

        var (before, after) = (Options<ClusterMembershipOptions>(plain), Options<ClusterMembershipOptions>(host));
        Assert.Equal(before.DeathVoteExpirationTimeout, after.DeathVoteExpirationTimeout);
        Assert.Equal(before.IAmAliveTablePublishTimeout, after.IAmAliveTablePublishTimeout);
        Assert.Equal(before.NumMissedTableIAmAliveLimit, after.NumMissedTableIAmAliveLimit);
    }

    [Fact]
    public void What_is_configured_after_it_overrides_it_one_by_one()
    {
        using var host = Build(silo => silo
            .UseFastFailureDetection()
            .Configure<ClusterMembershipOptions>(options => options.NumMissedProbesLimit = 5)
            .Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = Lease));

        Assert.Equal(5, Options<ClusterMembershipOptions>(host).NumMissedProbesLimit);
        Assert.Equal(TimeSpan.FromSeconds(1), Options<ClusterMembershipOptions>(host).ProbeTimeout);
        Assert.Equal(Lease, Options<GrainDirectoryOptions>(host).RangeLeaseDuration);
    }

    [Fact]
    public void It_overrides_what_was_configured_before_it()
    {
        using var host = Build(silo => silo
            .Configure<ClusterMembershipOptions>(options => options.NumMissedProbesLimit = 5)
            .Configure<GrainDirectoryOptions>(options => options.RangeLeaseDuration = Lease)
            .UseFastFailureDetection());

        Assert.Equal(3, Options<ClusterMembershipOptions>(host).NumMissedProbesLimit);
        Assert.Equal(TimeSpan.Zero, Options<GrainDirectoryOptions>(host).RangeLeaseDuration);
    }

    private static IHost Build(Action<ISiloBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.UseOrleans(silo => configure(silo.UseLocalhostClustering()));
        return builder.Build();
    }

    private static T Options<T>(IHost host)
        where T : class => host.Services.GetRequiredService<IOptions<T>>().Value;
}
