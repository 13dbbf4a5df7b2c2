using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Hosting;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>A web host that is a silo, with a broker of its own and the dashboard, on free ports of this machine.</summary>
internal sealed class DashboardHost : IAsyncDisposable
{
    public const string Topic = "orders";
    public const string Group = "billing";
    public const string Policy = "operators";

    /// <summary>A request with it is allowed to act; stands for a log-in.</summary>
    public const string OperatorHeader = "X-Test-Operator";

    /// <summary>The address a request pretends to come from.</summary>
    public const string RemoteHeader = "X-Test-Remote";

    /// <summary>The scheme a request pretends to have come by.</summary>
    public const string SchemeHeader = "X-Test-Scheme";

    private readonly EmbeddedRocketMQ _embedded;
    private readonly RocketMQClient _client;
    private readonly WebApplication _app;
    private readonly IReadOnlyList<IHost> _otherSilos;

    private DashboardHost(EmbeddedRocketMQ embedded, WebApplication app, IReadOnlyList<IHost> otherSilos, RecordedLog log, Silence silence, ConcurrentQueue<Handled> handled)
    {
        (_embedded, _app, _otherSilos, Log, Silence, Handled) = (embedded, app, otherSilos, log, silence, handled);
        _client = PatientClients.Start(embedded.NameServerAddress, "127.0.0.1@producer");
        Producer = PatientClients.Producer(_client, "test_producer");
        Http = new HttpClient { BaseAddress = new Uri(Page) };
    }

    public RecordedLog Log { get; }

    /// <summary>Makes the server accept requests and never answer them.</summary>
    public Silence Silence { get; }

    /// <summary>What listeners were given, and on which silo.</summary>
    public ConcurrentQueue<Handled> Handled { get; }

    public FaultInjection Faults => _embedded.Faults;

    public Producer Producer { get; }

    public HttpClient Http { get; }

    public string Page => $"{_app.Urls.First()}/dashboard/";

    public IServiceProvider Services => _app.Services;

    public IConsumerGroupManagementGrain Management => Services.GetRequiredService<IGrainFactory>().GetGrain<IConsumerGroupManagementGrain>(Group);

    public IParkedMessageGrain Parked => Services.GetRequiredService<IGrainFactory>().GetGrain<IParkedMessageGrain>(Group);

    public IDeadLetterGrain Letters => Services.GetRequiredService<IGrainFactory>().GetGrain<IDeadLetterGrain>(Group);

    /// <summary>Starts silos of which the first serves the dashboard.</summary>
    public static async Task<DashboardHost> StartAsync(
        Action<RocketMQDashboardOptions>? configure = null,
        bool everybodyOperates = false,
        int queues = 4,
        int silos = 1,
        bool hasGroup = true,
        Func<MessageExt, CancellationToken, Task<ConsumeResult>>? listener = null)
    {
        var embedded = await EmbeddedRocketMQ.StartAsync(new EmbeddedRocketMQOptions { MessageDelayLevels = "50ms 50ms 50ms 50ms 50ms 50ms" });
        embedded.CreateTopic(Topic, queues);
        var (log, silence, handled) = (new RecordedLog(), new Silence(), new ConcurrentQueue<Handled>());
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddAuthentication(NobodySignsIn.Name).AddScheme<AuthenticationSchemeOptions, NobodySignsIn>(NobodySignsIn.Name, null);
        builder.Services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy.RequireAssertion(
            context => everybodyOperates || (context.Resource as HttpContext)?.Request.Headers.ContainsKey(OperatorHeader) == true));
        builder.Services.AddRocketMQDashboard(configure);
        var ports = FreePorts.Take(2 * silos);
        builder.Host.UseOrleans(silo => ConfigureSilo(silo, 0));
        var app = builder.Build();
        app.Use((context, next) =>
        {
            if (context.Request.Headers[RemoteHeader].ToString() is { Length: > 0 } address)
            {
                context.Connection.RemoteIpAddress = IPAddress.Parse(address);
            }

            if (context.Request.Headers[SchemeHeader].ToString() is { Length: > 0 } scheme)
            {
                context.Request.Scheme = scheme;
            }

            return next(context);
        });
        app.Use(async (context, next) =>
        {
            await silence.PassAsync(context.RequestAborted);
            await next(context);
        });
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapRocketMQDashboard();
        await app.StartAsync();
        var others = new List<IHost>();
        foreach (var number in Enumerable.Range(1, silos - 1))
        {
            var other = Host.CreateEmptyApplicationBuilder(null);
            other.UseOrleans(silo => ConfigureSilo(silo, number));
            others.Add(other.Build());
            await others[^1].StartAsync();
        }

        return new(embedded, app, others, log, silence, handled);

        void ConfigureSilo(ISiloBuilder silo, int number)
        {
            var primary = number == 0 ? null : new IPEndPoint(IPAddress.Loopback, ports[0]);
            silo.UseLocalhostClustering(ports[2 * number], ports[(2 * number) + 1], primary).AddRocketMQ(rocketMQ =>
            {
                rocketMQ.UseNameServer(embedded.NameServerAddress);
                if (hasGroup)
                {
                    rocketMQ.AddConsumer(Group, consumer => consumer
                        .Subscribe(Topic)
                        .Handle((message, cancellation) =>
                        {
                            handled.Enqueue(new(number, message.QueueId, Encoding.UTF8.GetString(message.Body.Span)));
                            return listener?.Invoke(message, cancellation) ?? Task.FromResult(ConsumeResult.Success);
                        })
                        .Configure(options => (options.ConsumeFromWhere, options.MaxReconsumeTimes, options.ParkAfter, options.RetryInterval) =
                            (ConsumeFromWhere.FirstOffset, 1, TimeSpan.Zero, TimeSpan.FromMilliseconds(100))));
                }
            });
        }
    }

    /// <summary>Waits until every queue runs on the silo.</summary>
    public async Task<DashboardHost> ReadyAsync(int queues = 4)
    {
        await Eventually.TrueAsync(
            async () => (await GroupAsync()).TryGetProperty("queues", out var all)
                && all.EnumerateArray().Count(queue => queue.GetProperty("topic").GetString() == Topic && queue.TryGetProperty("silo", out _)) == queues,
            "the queues run");
        return this;
    }

    public async Task SendAsync(int count)
    {
        foreach (var number in Enumerable.Range(0, count))
        {
            await Producer.SendAsync(new Message(Topic, Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture))));
        }
    }

    public async Task<JsonElement> GroupAsync()
        => (await Http.GetFromJsonAsync<JsonElement>("api/status")).GetProperty("groups").EnumerateArray().Single();

    public async Task<HttpResponseMessage> ActAsync(string action, string json, bool withToken = true, Action<HttpRequestMessage>? change = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"api/groups/{Group}/actions/{action}") { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        request.Headers.Add(OperatorHeader, "yes");
        if (withToken)
        {
            using var ask = new HttpRequestMessage(HttpMethod.Get, "api/session");
            ask.Headers.Add(OperatorHeader, "yes");
            var session = await (await Http.SendAsync(ask)).Content.ReadFromJsonAsync<JsonElement>();
            request.Headers.Add(session.GetProperty("tokenHeader").GetString()!, session.GetProperty("token").GetString());
        }

        change?.Invoke(request);
        return await Http.SendAsync(request);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Producer.DisposeAsync();
        await _client.DisposeAsync();
        Silence.End();
        foreach (var other in _otherSilos)
        {
            await other.StopAsync();
            other.Dispose();
        }

        await _app.StopAsync();
        await _app.DisposeAsync();
        await _embedded.DisposeAsync();
    }
}

/// <summary>A message a listener was given, and the number of the silo it was on.</summary>
internal sealed record Handled(int Silo, int QueueId, string Body);
