using System.Globalization;
using Orleans;

namespace OrleansRocketMQ.Dashboard.Actions;

/// <summary>What can be done to a group, by the name the page uses.</summary>
internal static class GroupActions
{
    private delegate Task<string> GroupAction(IConsumerGroupManagementGrain group, IDeadLetterGrain letters, ActionRequest request, string who);

    private static readonly Dictionary<string, GroupAction> s_all = new(StringComparer.Ordinal)
    {
        ["pause"] = async (group, _, request, _) =>
        {
            await group.PauseAsync(request.Scope).ConfigureAwait(false);
            return $"Paused: {Name(request)}.";
        },
        ["resume"] = async (group, _, request, _) =>
        {
            await group.ResumeAsync(request.Scope).ConfigureAwait(false);
            return $"Resumed: {Name(request)}.";
        },
        ["limit"] = async (group, _, request, _) =>
        {
            await group.LimitRateAsync(request.RequiredTopic, request.MessagesPerSecond).ConfigureAwait(false);
            return request.MessagesPerSecond is { } limit
                ? string.Create(CultureInfo.InvariantCulture, $"{request.Topic} is limited to {limit} messages per second.")
                : $"{request.Topic} has no limit.";
        },
        ["seek"] = async (group, _, request, _) =>
        {
            var places = await group.SeekAsync(request.Scope, request.RequiredTarget).ConfigureAwait(false);
            return $"{places.Count} queues go on at: {request.RequiredTarget}.";
        },
        ["move"] = async (group, _, request, _) =>
        {
            await group.MoveQueueAsync(request.RequiredQueue, request.RequiredSilo).ConfigureAwait(false);
            return $"{Name(request)} runs on {request.Silo}.";
        },
        ["release"] = async (group, _, request, _) =>
        {
            await group.ReleaseQueueAsync(request.RequiredQueue).ConfigureAwait(false);
            return $"{Name(request)} is given back to the strategy.";
        },
        ["drain"] = async (group, _, request, _) =>
        {
            var left = await group.DrainSiloAsync(request.RequiredSilo).ConfigureAwait(false);
            return left.Count == 0 ? $"{request.Silo} is drained." : $"{request.Silo} still has {left.Count} queues.";
        },
        ["restore"] = async (group, _, request, _) =>
        {
            await group.RestoreSiloAsync(request.RequiredSilo).ConfigureAwait(false);
            return $"{request.Silo} gets queues again.";
        },
        ["resend"] = async (_, letters, request, who) =>
        {
            var sent = await letters.ResendAsync(request.RequiredMessageId, who).ConfigureAwait(false);
            return sent == 0 ? "There is no dead letter with that id." : "Sent again.";
        },
        ["resend-all"] = async (_, letters, request, who) =>
        {
            await letters.ResendAllAsync(
                request.MessagesPerSecond ?? throw new RocketMQValidationException("MessagesPerSecond", null, "a number above 0"), who).ConfigureAwait(false);
            return "All dead letters are being sent again.";
        },
        ["drop-all"] = async (_, letters, _, who) =>
        {
            var dropped = await letters.DropAsync(null, who).ConfigureAwait(false);
            return $"{dropped} dead letters dropped.";
        },
    };

    public static bool Exists(string action) => s_all.ContainsKey(action);

    public static Task<string> RunAsync(IGrainFactory grains, string group, string action, ActionRequest request, string who)
        => s_all[action](grains.GetGrain<IConsumerGroupManagementGrain>(group), grains.GetGrain<IDeadLetterGrain>(group), request, who);

    private static string Name(ActionRequest request)
        => request.Queue is { } queue ? $"queue {queue.QueueId} of {queue.Topic} on {queue.BrokerName}" : request.Topic ?? "the whole group";
}
