using System.Text.Json;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>A group's settings in RocketMQ's JSON.</summary>
internal static class GroupJson
{
    public static string Write(GroupConfig group)
        => $"{{\"attributes\":{{}},\"brokerId\":{group.BrokerId},"
            + $"\"consumeBroadcastEnable\":{Text(group.ConsumeBroadcastEnable)},"
            + $"\"consumeEnable\":{Text(group.ConsumeEnable)},"
            + $"\"consumeFromMinEnable\":{Text(group.ConsumeFromMinEnable)},"
            + $"\"consumeMessageOrderly\":{Text(group.ConsumeMessageOrderly)},"
            + $"\"consumeTimeoutMinute\":{group.ConsumeTimeoutMinute},"
            + $"\"groupName\":\"{group.Name}\","
            + $"\"groupRetryPolicy\":{group.RetryPolicy},"
            + $"\"groupSysFlag\":{group.GroupSysFlag},"
            + $"\"notifyConsumerIdsChangedEnable\":{Text(group.NotifyConsumerIdsChangedEnable)},"
            + $"\"retryMaxTimes\":{group.RetryMaxTimes},"
            + $"\"retryQueueNums\":{group.RetryQueueNums},"
            + $"\"whichBrokerWhenConsumeSlowly\":{group.WhichBrokerWhenConsumeSlowly}}}";

    /// <exception cref="JsonException">The body is not such JSON.</exception>
    public static GroupConfig Read(ReadOnlySpan<byte> body)
    {
        using var json = JsonDocument.Parse(body.ToArray());
        var root = json.RootElement;
        var defaults = new GroupConfig(string.Empty);
        return new(root.TryGetProperty("groupName", out var name) ? name.GetString() ?? string.Empty : string.Empty)
        {
            ConsumeEnable = Flag(root, "consumeEnable", defaults.ConsumeEnable),
            ConsumeFromMinEnable = Flag(root, "consumeFromMinEnable", defaults.ConsumeFromMinEnable),
            ConsumeBroadcastEnable = Flag(root, "consumeBroadcastEnable", defaults.ConsumeBroadcastEnable),
            ConsumeMessageOrderly = Flag(root, "consumeMessageOrderly", defaults.ConsumeMessageOrderly),
            RetryQueueNums = (int)Number(root, "retryQueueNums", defaults.RetryQueueNums),
            RetryMaxTimes = (int)Number(root, "retryMaxTimes", defaults.RetryMaxTimes),
            RetryPolicy = root.TryGetProperty("groupRetryPolicy", out var policy) && policy.ValueKind == JsonValueKind.Object
                ? policy.GetRawText()
                : defaults.RetryPolicy,
            BrokerId = Number(root, "brokerId", defaults.BrokerId),
            WhichBrokerWhenConsumeSlowly = Number(root, "whichBrokerWhenConsumeSlowly", defaults.WhichBrokerWhenConsumeSlowly),
            NotifyConsumerIdsChangedEnable = Flag(root, "notifyConsumerIdsChangedEnable", defaults.NotifyConsumerIdsChangedEnable),
            GroupSysFlag = (int)Number(root, "groupSysFlag", defaults.GroupSysFlag),
            ConsumeTimeoutMinute = (int)Number(root, "consumeTimeoutMinute", defaults.ConsumeTimeoutMinute),
        };
    }

    private static bool Flag(JsonElement root, string name, bool fallback)
        => root.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : fallback;

    private static long Number(JsonElement root, string name, long fallback)
        => root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt64() : fallback;

    private static string Text(bool value) => value ? "true" : "false";
}
