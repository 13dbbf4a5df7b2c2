using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Somebody at the dashboard of a silo: sees and does what its version knows of.</summary>
internal sealed class Operator : IDisposable
{
    public const string Secret = "chaos-may-act-0123456789";

    private readonly HttpClient _http;

    /// <param name="silo">Whose dashboard.</param>
    /// <param name="patience">How long an answer may take; null: longer than any does where nothing is wrong.</param>
    public Operator(StartedSilo silo, TimeSpan? patience = null) => _http = new()
    {
        BaseAddress = silo.Web,
        Timeout = patience ?? TimeSpan.FromSeconds(100),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"chaos:{Secret}"))) },
    };

    /// <summary>What readiness says.</summary>
    public async Task<string> HealthAsync()
    {
        using var answer = await _http.GetAsync(new Uri("health/ready", UriKind.Relative));
        return await answer.Content.ReadAsStringAsync();
    }

    /// <summary>A group as the dashboard shows it.</summary>
    public async Task<JsonElement> GroupAsync(string group)
    {
        var status = await _http.GetFromJsonAsync<JsonElement>("dashboard/api/status");
        return status.GetProperty("groups").EnumerateArray().Single(shown => shown.GetProperty("name").GetString() == group);
    }

    /// <summary>The queues of a group as the dashboard shows it; it leaves out what is zero or not so.</summary>
    public static IEnumerable<ShownQueue> QueuesOf(JsonElement group) => group.GetProperty("queues").EnumerateArray().Select(queue => new ShownQueue(
        TextOf(queue, "topic"),
        TextOf(queue, "broker"),
        queue.TryGetProperty("id", out var id) ? id.GetInt32() : 0,
        TextOf(queue, "silo"),
        TextOf(queue, "pinnedTo").Length > 0,
        IsSo(queue, "hasFailed")));

    /// <summary>The name of a silo on the dashboard.</summary>
    /// <returns>Null when the group is not known to run there.</returns>
    public static string? AddressOf(JsonElement group, StartedSilo silo) => group.GetProperty("silos").EnumerateArray()
        .Select(shown => TextOf(shown, "name")).SingleOrDefault(name => name.Contains($":{silo.Port}@", StringComparison.Ordinal));

    public static string TextOf(JsonElement element, string name) => element.TryGetProperty(name, out var value) ? value.GetString()! : string.Empty;

    public static bool IsSo(JsonElement element, string name) => element.TryGetProperty(name, out var value) && value.GetBoolean();

    /// <summary>Does something to a group.</summary>
    /// <returns>What the dashboard says of it.</returns>
    public async Task<string> ActAsync(string group, string action, object request)
    {
        var session = await _http.GetFromJsonAsync<JsonElement>("dashboard/api/session");
        using var post = new HttpRequestMessage(HttpMethod.Post, $"dashboard/api/groups/{group}/actions/{action}")
        {
            Content = JsonContent.Create(request),
            Headers = { { session.GetProperty("tokenHeader").GetString()!, session.GetProperty("token").GetString() } },
        };
        using var answer = await _http.SendAsync(post);
        var said = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode ? said : throw new InvalidOperationException($"{action} of {group} at {_http.BaseAddress}: {answer.StatusCode} {said}");
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>A queue on a dashboard.</summary>
internal sealed record ShownQueue(string Topic, string Broker, int QueueId, string Silo, bool IsPinned, bool HasFailed);
