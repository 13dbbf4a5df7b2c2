using System.Reflection;
using Orleans;
using Orleans.CodeGeneration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>
/// A silo that does not know a method must not be asked for it. Orleans places a grain anew on a silo that knows the caller's version
/// of its interface, so an interface that got methods since the last release has a version above that of then, which was 0. Not so the
/// dead letters' grain, whose silo follows from the group and not from versions: a version would make all of its methods fail where
/// that silo is an older one, and without it a search by text does alone.
/// </summary>
public sealed class NewMethodTests
{
    /// <summary>What v0.2.0 answers, by the names of methods that go over the wire.</summary>
    private static readonly Dictionary<string, string> OfRelease = new(StringComparer.Ordinal)
    {
        ["IAllocationAgreementGrain"] = "Join Leave",
        ["IConsumerGroupManagementGrain"]
            = "DrainSilo GetFlow GetStatus LimitRate MoveQueue Pause ReleaseQueue RestoreSilo Resume Seek Start Stop Subscribe Unsubscribe",
        ["IConsumerGroupOnSiloGrain"]
            = "DrainSilo GetPresence GetQueues GetReport GetStatus GetStoppedStatus LearnSubscriptions LimitRate MoveQueue Pause "
                + "ReleaseQueue RestoreSilo Resume Seek SeekStopped Subscribe Unsubscribe",
        ["IConsumerSwitchGrain"] = "Switch",
        ["IGroupSettingsGrain"] = "Describe Drain Get Join JoinWithVersions Leave LimitRate Pause Pin Restore Resume",
        ["IMessageQueueGrain"] = "EnsureStarted GetStatus Seek",
        ["IParkedMessageGrain"] = "Drop List Peek Resend",
        ["IParkingGrain"] = "Park",
        ["ISubscriptionCoordinatorGrain"] = "Change Follow Leave",
    };

    public static TheoryData<string> Interfaces => [.. OfRelease.Keys];

    [Theory]
    [MemberData(nameof(Interfaces))]
    public void An_interface_that_has_methods_which_the_last_release_lacks_has_a_newer_version(string name)
    {
        var type = new[] { typeof(RocketMQSilo).Assembly, typeof(IDeadLetterGrain).Assembly }
            .SelectMany(assembly => assembly.GetTypes()).Single(type => type.IsInterface && type.Name == name);
        var methods = type.GetMethods().Select(method => method.GetCustomAttribute<AliasAttribute>()!.Alias).ToArray();
        var known = OfRelease[name].Split(' ');

        Assert.Empty(known.Except(methods));
        Assert.Equal(methods.Except(known).Any(), (type.GetCustomAttribute<VersionAttribute>()?.Version ?? 0) > 0);
    }
}
