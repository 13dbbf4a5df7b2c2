using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Dashboard.Actions;
using OrleansRocketMQ.Dashboard.Responses;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>What a browser, or somebody who is none, posts to the dashboard.</summary>
internal sealed class DashboardTarget : FuzzTarget
{
    public override string Name => "dashboard-requests";

    public override IReadOnlyList<string> Decoders => [nameof(ActionRequest)];

    public override IReadOnlyList<byte[]> Words { get; } =
    [
        .. new[]
        {
            "topic", "broker", "queueId", "messagesPerSecond", "silo", "target", "offset", "time", "begin", "end", "messageId", "number", "key", "expression",
            "isSql", "effectsAgain", "2026-01-01T00:00:00Z", "null", "true", "-1", "1e400", "\"", ":", ",", "{", "}",
        }.Select(Encoding.UTF8.GetBytes),
    ];

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        """{"topic":"t","broker":"b","queueId":1,"target":"offset","offset":7}""", """{"target":"time","time":"2026-01-01T00:00:00Z","effectsAgain":true}""",
        """{"silo":"s","messagesPerSecond":10.5}""", """{"topic":"t","expression":"a > 1","isSql":true}""", """{"topic":"t","messageId":"7F0000","key":"k","number":3}""", "{}",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        ActionRequest? request;
        try
        {
            request = JsonSerializer.Deserialize(input, DashboardJson.Default.ActionRequest);
        }
        catch (JsonException)
        {
            return false;
        }

        if (request is null)
        {
            return false;
        }

        _ = request.ToString();
        return Ask(() => request.Queue) & Ask(() => request.Scope) | Ask(() => request.RequiredQueue) | Ask(() => request.RequiredTopic) | Ask(() => request.RequiredSilo)
            | Ask(() => request.RequiredMessageId) | Ask(() => request.RequiredKey) | Ask(() => request.Selector) | Ask(() => request.RequiredTarget);
    }

    private static bool Ask<T>(Func<T> what)
    {
        try
        {
            what();
            return true;
        }
        catch (RocketMQValidationException)
        {
            return false;
        }
    }
}
