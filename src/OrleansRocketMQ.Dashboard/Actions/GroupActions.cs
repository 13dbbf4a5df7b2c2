using System.Globalization;
using Orleans;

namespace OrleansRocketMQ.Dashboard.Actions;

/// <summary>What can be done to a group, by the name the page uses.</summary>
internal static class GroupActions
{
    private delegate Task<string> GroupAction(Grains grains, ActionRequest request, string who);

    private static readonly Dictionary<string, GroupAction> s_ofQueues = new(StringComparer.Ordinal)
    {
        ["pause"] = async (grains, request, _) =>
        {
            await grains.Group.PauseAsync(request.Scope).ConfigureAwait(false);
            return $"Paused: {Name(request)}.";
        },
        ["resume"] = async (grains, request, _) =>
        {
            await grains.Group.ResumeAsync(request.Scope).ConfigureAwait(false);
            return $"Resumed: {Name(request)}.";
        },
        ["limit"] = async (grains, request, _) =>
        {
            await grains.Group.LimitRateAsync(request.RequiredTopic, request.MessagesPerSecond).ConfigureAwait(false);
            return request.MessagesPerSecond is { } limit
                ? string.Create(CultureInfo.InvariantCulture, $"{request.Topic} is limited to {limit} messages per second.")
                : $"{request.Topic} has no limit.";
        },
        ["seek"] = async (grains, request, _) =>
        {
            var places = await grains.Group.SeekAsync(request.Scope, request.RequiredTarget).ConfigureAwait(false);
            return $"{places.Count} queues go on at: {request.RequiredTarget}.";
        },
        ["move"] = async (grains, request, _) =>
        {
            await grains.Group.MoveQueueAsync(request.RequiredQueue, request.RequiredSilo).ConfigureAwait(false);
            return $"{Name(request)} runs on {request.Silo}.";
        },
        ["release"] = async (grains, request, _) =>
        {
            await grains.Group.ReleaseQueueAsync(request.RequiredQueue).ConfigureAwait(false);
            return $"{Name(request)} is given back to the strategy.";
        },
        ["drain"] = async (grains, request, _) =>
        {
            var left = await grains.Group.DrainSiloAsync(request.RequiredSilo).ConfigureAwait(false);
            return left.Count == 0 ? $"{request.Silo} is drained." : $"{request.Silo} still has {left.Count} queues.";
        },
        ["restore"] = async (grains, request, _) =>
        {
            await grains.Group.RestoreSiloAsync(request.RequiredSilo).ConfigureAwait(false);
            return $"{request.Silo} gets queues again.";
        },
    };

    private static readonly Dictionary<string, GroupAction> s_ofTheGroup = new(StringComparer.Ordinal)
    {
        ["start"] = async (grains, _, _) =>
        {
            var silos = await grains.Group.StartAsync().ConfigureAwait(false);
            return $"The group runs on {silos.Count} silos.";
        },
        ["stop"] = async (grains, _, _) =>
        {
            var silos = await grains.Group.StopAsync().ConfigureAwait(false);
            return $"The group is stopped on {silos.Count} silos.";
        },
        ["subscribe"] = async (grains, request, _) =>
        {
            await grains.Group.SubscribeAsync(request.RequiredTopic, request.Selector).ConfigureAwait(false);
            return $"The group subscribes to {request.Topic}: {request.Selector}.";
        },
        ["unsubscribe"] = async (grains, request, _) =>
        {
            await grains.Group.UnsubscribeAsync(request.RequiredTopic).ConfigureAwait(false);
            return $"The group gives up {request.Topic}.";
        },
    };

    private static readonly Dictionary<string, GroupAction> s_ofLetters = new(StringComparer.Ordinal)
    {
        ["resend"] = async (grains, request, who) =>
        {
            var sent = await grains.Letters.ResendAsync(request.RequiredMessageId, who).ConfigureAwait(false);
            return sent == 0 ? "There is no dead letter with that id." : "Sent again.";
        },
        ["resend-all"] = async (grains, request, who) =>
        {
            await grains.Letters.ResendAllAsync(
                request.MessagesPerSecond ?? throw new RocketMQValidationException("MessagesPerSecond", null, "a number above 0"),
                who).ConfigureAwait(false);
            return "All dead letters are being sent again.";
        },
        ["resend-key"] = async (grains, request, who) =>
        {
            var sent = await grains.Letters.ResendByKeyAsync(request.RequiredKey, who).ConfigureAwait(false);
            return $"{sent} dead letters with that key sent again.";
        },
        ["stop-resend"] = async (grains, _, who) =>
        {
            var resend = await grains.Letters.StopResendAsync(who).ConfigureAwait(false);
            return $"No more are sent again; {resend.Sent} were.";
        },
        ["drop"] = async (grains, request, who) =>
        {
            var dropped = await grains.Letters.DropOneAsync(request.RequiredMessageId, who).ConfigureAwait(false);
            return dropped == 0 ? "There is no dead letter with that id." : "Dropped.";
        },
        ["drop-all"] = async (grains, _, who) =>
        {
            var dropped = await grains.Letters.DropAsync(null, who).ConfigureAwait(false);
            return $"{dropped} dead letters dropped.";
        },
        ["resend-parked"] = async (grains, request, who) =>
        {
            var result = await grains.Parked.ResendAsync(request.Number, who).ConfigureAwait(false);
            return result.Failures.Count == 0
                ? $"{result.Sent} parked messages sent again."
                : $"{result.Sent} parked messages sent again, {result.Failures.Count} could not be: {result.Failures.Values.First()}";
        },
        ["drop-parked"] = async (grains, request, who) =>
        {
            var dropped = await grains.Parked.DropAsync(request.Number, who).ConfigureAwait(false);
            return $"{dropped} parked messages dropped.";
        },
    };

    // Below its parts, since fields get their values from top to bottom.
    private static readonly Dictionary<string, GroupAction> s_all
        = new([.. s_ofQueues, .. s_ofTheGroup, .. s_ofLetters], StringComparer.Ordinal);

    public static IEnumerable<string> Names => s_all.Keys;

    public static bool Exists(string action) => s_all.ContainsKey(action);

    public static Task<string> RunAsync(IGrainFactory grains, string group, string action, ActionRequest request, string who)
        => s_all[action](new Grains(grains, group), request, who);

    private static string Name(ActionRequest request)
        => request.Queue is { } queue
            ? $"queue {queue.QueueId} of {queue.Topic} on {queue.BrokerName}"
            : request.Topic ?? "the whole group";

    /// <summary>The grains an action may need.</summary>
    private sealed class Grains(IGrainFactory grains, string group)
    {
        public IConsumerGroupManagementGrain Group => grains.GetGrain<IConsumerGroupManagementGrain>(group);

        public IDeadLetterGrain Letters => grains.GetGrain<IDeadLetterGrain>(group);

        public IParkedMessageGrain Parked => grains.GetGrain<IParkedMessageGrain>(group);
    }
}
