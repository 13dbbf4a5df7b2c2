using System.Text.Json.Serialization;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Docs.Snippets.Typed;

/// <summary>docs/typed-messages.md</summary>
internal static class TypedSnippets
{
    public static async Task SendAsync(Producer producer)
    {
        await producer.SendAsync("orders", new OrderPlaced("4711", 9.90m), tag: "placed", shardingKey: "alice");
        var message = producer.CreateMessage("orders", new OrderPlaced("4712", 5m));
        message["type"] = "placed";
        message.DelayLevel = 3;
        await producer.SendAsync(message);
    }

    public static void Declare(RocketMQBuilder rocketmq)
    {
        rocketmq.AddConsumer("billing", consumer => consumer
            .Handle<OrderPlaced, OrderPlacedHandler>("orders", MessageMatch.ByTag("placed"))
            .Handle<OrderCancelled>("orders", (message, context, cancellationToken) => RefundAsync(message.Value, cancellationToken), MessageMatch.ByTag("cancelled"))
            .Configure(options => options.HandlerMode = HandlerMode.KeyOrdered));
        rocketmq.AddConsumer<AuditListener>("audit", consumer => consumer
            .Subscribe<OrderPlaced>("orders", MessageMatch.ByProperty("type", "placed"))
            .Subscribe<OrderCancelled>("orders", MessageMatch.ByProperty("type", "cancelled")));
        rocketmq.UseSerializer(new JsonMessageSerializer(OrderJson.Default));
    }

    public static ProducerOptions DeclareFormats(RocketMQBuilder rocketmq)
    {
        rocketmq.UseMessagePack();
        rocketmq.AddConsumer("invoices", consumer => consumer
            .UseProtobuf()
            .Handle<Invoice>("invoices", (message, context, cancellationToken) => FileAsync(message.Value, cancellationToken)));
        var shop = new ProducerOptions { Group = "shop", Serializer = MessagePackMessageSerializer.Default };
        return shop;
    }

    private static Task FileAsync(Invoice invoice, CancellationToken cancellationToken) => Task.FromException(new NotSupportedException($"{invoice} {cancellationToken}"));

    private static Task RefundAsync(OrderCancelled order, CancellationToken cancellationToken) => Task.FromException(new NotSupportedException($"{order} {cancellationToken}"));
}

public sealed record OrderPlaced(string Id, decimal Amount);

public sealed record OrderCancelled(string Id);

// In place of what protoc would make.
public sealed record Invoice(string Id);

[JsonSerializable(typeof(OrderPlaced))]
internal sealed partial class OrderJson : JsonSerializerContext;

internal sealed class OrderPlacedHandler : IMessageHandler<OrderPlaced>
{
    public Task HandleAsync(Message<OrderPlaced> message, MessageContext context, CancellationToken cancellationToken) => Task.CompletedTask;
}

internal sealed class AuditListener : Grain, IMessageListener, IConcurrentListener<OrderPlaced>, IConcurrentListener<OrderCancelled>
{
    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderCancelled> messages, ConsumeContext context, CancellationToken cancellationToken) => throw new NotSupportedException();
}

public sealed class Account : Grain, IMessageListener, IKeyOrderedListener<OrderPlaced>
{
    private decimal _spent;

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch<OrderPlaced> messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            _spent += message.Value.Amount;
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}
