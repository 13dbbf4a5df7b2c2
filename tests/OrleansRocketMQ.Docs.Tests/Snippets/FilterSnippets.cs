using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Docs.Snippets.Filters;

/// <summary>docs/filters.md</summary>
internal static class FilterSnippets
{
    public static void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.AddConsumeFilter<AuditFilter>();
        rocketmq.AddConsumer("billing", consumer => consumer
            .Handle<OrderPlaced, OrderPlacedHandler>("orders")
            .AddFilter<UnitOfWorkFilter>()
            .AddFilter<KnownTenantsFilter>(perMessage: true));
        rocketmq.Services.AddSingleton<AuditFilter>();
    }

    public static async Task SendAsync(RocketMQClient client, ILoggerFactory loggers)
    {
        await using var producer = new Producer(client, new ProducerOptions { Group = "shop", Filters = [new TenantFilter("acme")] }, loggers);
        await producer.SendAsync(new Message("orders", Encoding.UTF8.GetBytes("{}")));
    }
}

#pragma warning disable CA1848, CA1873 // A guide shows the short way.
internal sealed class AuditFilter(ILogger<AuditFilter> logger) : IConsumeFilter
{
    public async Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
    {
        try
        {
            await next();
            logger.LogInformation("{Group}: {Count} messages, attempt {Attempt}: {Result}", call.Group, call.Messages.Count, call.Attempt, call.Result);
        }
        catch (Exception exception)
        {
            logger.LogWarning(exception, "{Group}: {Message} failed", call.Group, call.Messages[0].MessageId);
            throw;
        }
    }
}
#pragma warning restore CA1848, CA1873

internal sealed class UnitOfWorkFilter(OrdersDbContext orders) : IConsumeFilter
{
    public async Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
    {
        await next();
        await orders.SaveChangesAsync(cancellationToken);
    }
}

internal sealed class KnownTenantsFilter : IConsumeFilter
{
    public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
    {
        if (call.Messages[0].GetProperty("tenant") is not null)
        {
            return next();
        }

        call.Result = ConsumeResult.Success;
        return Task.CompletedTask;
    }
}

internal sealed class TenantFilter(string tenant) : ISendFilter
{
    public Task InvokeAsync(SendCall call, Func<Task> next, CancellationToken cancellationToken)
    {
        foreach (var message in call.Messages)
        {
            message["tenant"] = tenant;
        }

        return next();
    }
}

internal sealed record OrderPlaced(string Id);

internal sealed class OrdersDbContext
{
    private int _saved;

    public Task SaveChangesAsync(CancellationToken cancellationToken) => Task.FromResult(_saved++).WaitAsync(cancellationToken);
}

internal sealed class OrderPlacedHandler : IMessageHandler<OrderPlaced>
{
    public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken) => Task.CompletedTask;
}
