using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Admin;

/// <summary>
/// Answers what brokers ask on behalf of RocketMQ's admin tools. Each silo answers for its own queues: brokers ask every
/// member. Mirrors <c>ClientRemotingProcessor</c>.
/// </summary>
internal sealed partial class AdminRequests(
    ConsumerRegistry consumers,
    ListenerClasses listeners,
    DirectConsumption direct,
    IOptions<RocketMQOptions> options,
    ILogger<AdminRequests> logger)
{
    public void AnswerOn(RocketMQClient client)
    {
        client.Handle(RequestCodes.GetConsumerRunningInfo, (_, request) => new(DescribeGroup(client, request)));
        client.Handle(RequestCodes.ConsumeMessageDirectly, (_, request) => new(ConsumeDirectlyAsync(client, request)));
        client.Handle(RequestCodes.GetConsumerStatusFromClient, (_, request) => new(TellOffsets(client, request)));
        client.Handle(RequestCodes.ResetConsumerClientOffset, (_, request) => new(ResetOffsets(client, request)));
    }

    private RemotingCommand DescribeGroup(RocketMQClient client, RemotingCommand request)
    {
        var group = request.GetRequired("consumerGroup");
        if (Find(client, group) is not { } consumer)
        {
            return Unknown(request, group);
        }

        var kind = listeners.Resolve(group, consumer.Options.Listener!).Kind;
        var info = new RunningInfo(consumer, kind, options.Value);
        return RemotingCommand.Response(request, ResponseCodes.Success, body: info.Write(request.GetBoolean("jstackEnable")));
    }

    private async Task<RemotingCommand?> ConsumeDirectlyAsync(RocketMQClient client, RemotingCommand request)
    {
        var group = request.GetRequired("consumerGroup");
        if (Find(client, group) is not { } consumer)
        {
            return Unknown(request, group);
        }

        var messages = MessageDecoder.DecodeAll(request.Body, request["brokerName"] ?? string.Empty, client.Options.DecoderOptions);
        if (messages.Count == 0)
        {
            return RemotingCommand.Response(request, ResponseCodes.SystemError, "The request carries no message");
        }

        Log.ConsumesDirectly(logger, group, messages[0].MessageId);
        var result = await direct.RunAsync(consumer, messages[0]).ConfigureAwait(false);
        return RemotingCommand.Response(request, ResponseCodes.Success, body: result);
    }

    private RemotingCommand TellOffsets(RocketMQClient client, RemotingCommand request)
    {
        var topic = request.GetRequired("topic");
        // As in Java a group that is not here has no offsets here; that is no error.
        var offsets = Find(client, request.GetRequired("group"))?.Pumps.Values
            .Where(pump => pump.Queue.Topic == topic)
            .Select(pump => KeyValuePair.Create(pump.Queue, pump.Describe().Watermark))
            .Where(pair => pair.Value >= 0);
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WritePropertyName("messageQueueTable");
            ObjectKeyJson.Write(json, offsets ?? [], client.Names, static (value, offset) => value.WriteNumberValue(offset));
            json.WriteEndObject();
        }

        return RemotingCommand.Response(request, ResponseCodes.Success, body: output.WrittenMemory);
    }

    /// <summary>What brokers before 5.2 send to every member. Queues of other silos are theirs to move: they are told as well.</summary>
    private RemotingCommand? ResetOffsets(RocketMQClient client, RemotingCommand request)
    {
        var topic = request.GetRequired("topic");
        var consumer = Find(client, request.GetRequired("group"));
        if (consumer is not null && !request.Body.IsEmpty)
        {
            foreach (var (queue, offset) in ObjectKeyJson.ReadOffsets(request.Body, "offsetTable", client.Names))
            {
                if (queue.Topic == topic && offset >= 0 && consumer.Pumps.GetValueOrDefault(queue) is QueuePump pump)
                {
                    _ = pump.Seek(offset);
                }
            }
        }

        return null;
    }

    private ConsumerGroupRuntime? Find(RocketMQClient client, string group)
        => consumers.Find(group) is { } consumer && ReferenceEquals(consumer.Client, client) ? consumer : null;

    private static RemotingCommand Unknown(RemotingCommand request, string group)
        => RemotingCommand.Response(request, ResponseCodes.SystemError, $"The Consumer Group <{group}> not exist in this consumer");

    private static partial class Log
    {
        [LoggerMessage(266, LogLevel.Information, "Group {Group} consumes message {MessageId} because an administrator asked for it")]
        public static partial void ConsumesDirectly(ILogger logger, string group, string messageId);
    }
}
