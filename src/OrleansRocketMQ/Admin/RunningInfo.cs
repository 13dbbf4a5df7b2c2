using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Admin;

/// <summary>
/// What a member tells of itself when an administrator asks: settings under the names of Java's consumer, subscriptions,
/// queues and rates. Mirrors <c>ConsumerRunningInfo</c>.
/// </summary>
internal sealed class RunningInfo(ConsumerGroupRuntime consumer, ListenerKind kind, RocketMQOptions options)
{
    private const double SecondsOfRates = 60;
    private const long MiB = 1024 * 1024;

    public byte[] Write(bool withStacks)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (withStacks)
            {
                json.WriteString("jstack", DescribeThreads());
            }

            var pumps = consumer.Pumps.ToArray();
            json.WritePropertyName("mqPopTable");
            ObjectKeyJson.Write(json, pumps.Where(pump => pump.Value.IsPopped), consumer.Client.Names, WritePopped);
            json.WritePropertyName("mqTable");
            ObjectKeyJson.Write(json, pumps.Where(pump => !pump.Value.IsPopped), consumer.Client.Names, WriteQueue);
            WriteProperties(json);
            WriteRates(json, pumps.Select(pump => pump.Value));
            json.WriteStartArray("subscriptionSet");
            foreach (var subscription in consumer.Subscriptions.All)
            {
                JsonSerializer.Serialize(json, consumer.Client.Names.Wrap(subscription.Data), ProtocolJson.Default.SubscriptionData);
            }

            json.WriteEndArray();
            json.WriteStartObject("userConsumerInfo");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>Mirrors <c>PopProcessQueueInfo</c>.</summary>
    private static void WritePopped(Utf8JsonWriter json, IGroupQueue pump)
    {
        var status = pump.Describe();
        json.WriteStartObject();
        json.WriteBoolean("droped", pump.Stopping.IsCancellationRequested);
        json.WriteNumber("lastPopTimestamp", status.LastPulledAt?.ToUnixTimeMilliseconds() ?? 0);
        json.WriteNumber("waitAckCount", status.Popped?.Unacknowledged ?? 0);
        json.WriteEndObject();
    }

    private void WriteQueue(Utf8JsonWriter json, IGroupQueue pump)
    {
        var status = pump.Describe();
        json.WriteStartObject();
        json.WriteNumber("cachedMsgCount", status.CachedMessages);
        json.WriteNumber("cachedMsgMaxOffset", Math.Max(0, status.CachedMaxOffset));
        json.WriteNumber("cachedMsgMinOffset", Math.Max(0, status.CachedMinOffset));
        json.WriteNumber("cachedMsgSizeInMiB", status.CachedBytes / MiB);
        json.WriteNumber("commitOffset", status.Watermark);
        json.WriteBoolean("droped", pump.Stopping.IsCancellationRequested);
        json.WriteNumber("lastConsumeTimestamp", status.LastConsumedAt?.ToUnixTimeMilliseconds() ?? 0);
        json.WriteNumber("lastLockTimestamp", 0);
        json.WriteNumber("lastPullTimestamp", status.LastPulledAt?.ToUnixTimeMilliseconds() ?? 0);
        json.WriteBoolean("locked", consumer.Locks is not null && pump.Ownership.IsValid);
        json.WriteNumber("transactionMsgCount", 0);
        json.WriteNumber("transactionMsgMaxOffset", 0);
        json.WriteNumber("transactionMsgMinOffset", 0);
        json.WriteNumber("tryUnlockTimes", 0);
        json.WriteEndObject();
    }

    private void WriteProperties(Utf8JsonWriter json)
    {
        var settings = consumer.Options;
        var client = consumer.Client.Options;
        var nameServers = string.Join(';', client.NameServerAddresses);
        var described = consumer.Describe();
        json.WriteStartObject("properties");
        Write("PROP_NAMESERVER_ADDR", nameServers + ";");
        Write("PROP_CONSUME_TYPE", described.ConsumeType);
        Write("PROP_CLIENT_VERSION", "V5_3_3");
        Write("PROP_CONSUMEORDERLY", kind == ListenerKind.Orderly);
        Write("PROP_THREADPOOL_CORE_SIZE", settings.ConsumeThreadMin);
        Write("PROP_CONSUMER_START_TIMESTAMP", consumer.StartedAt.ToUnixTimeMilliseconds());
        Write("consumerGroup", settings.Group);
        Write("instanceName", client.ClientId[(client.ClientId.IndexOf('@', StringComparison.Ordinal) + 1)..]);
        Write("namesrvAddr", nameServers);
        Write("language", "DOTNET");
        Write("messageModel", described.MessageModel);
        Write("messageListener", settings.Listener?.FullName ?? string.Empty);
        Write("allocateMessageQueueStrategy", settings.AllocateStrategy);
        Write("consumeFromWhere", described.ConsumeFromWhere);
        Write(
            "consumeTimestamp",
            settings.ConsumeTimestamp?.ToLocalTime().ToString("yyyyMMddHHmmss", CultureInfo.InvariantCulture) ?? string.Empty);
        Write("consumeThreadMin", settings.ConsumeThreadMin);
        Write("consumeThreadMax", settings.ConsumeThreadMax);
        Write("consumeMessageBatchMaxSize", settings.ConsumeBatchSize);
        Write("pullBatchSize", settings.PullBatchSize);
        Write("pullInterval", (long)settings.PullInterval.TotalMilliseconds);
        Write("pullThresholdForQueue", settings.PullThresholdForQueue);
        Write("pullThresholdSizeForQueue", settings.PullThresholdBytesForQueue / MiB);
        Write("consumeConcurrentlyMaxSpan", settings.ConsumeMaxSpan);
        Write("maxReconsumeTimes", consumer.RetryPolicy?.Rules.MaxReconsumeTimes ?? settings.MaxReconsumeTimes);
        Write("persistConsumerOffsetInterval", (long)settings.PersistInterval.TotalMilliseconds);
        Write("pullTimeDelayMillsWhenException", (long)settings.RetryInterval.TotalMilliseconds);
        Write("pollNameServerInterval", (long)client.PollNameServerInterval.TotalMilliseconds);
        Write("heartbeatBrokerInterval", (long)client.HeartbeatInterval.TotalMilliseconds);
        Write("enableTrace", settings.MessageTrace);
        Write("useHeartbeatV2", client.UseHeartbeatV2);
        Write("mqClientApiTimeout", (long)client.Remoting.RequestTimeout.TotalMilliseconds);
        Write("awaitTerminationMillisWhenShutdown", (long)options.ShutdownTimeout.TotalMilliseconds);
        json.WriteEndObject();

        // Java's table holds text only.
        void Write<T>(string name, T value) => json.WriteString(name, value switch
        {
            bool flag => flag ? "true" : "false",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture),
        });
    }

    private void WriteRates(Utf8JsonWriter json, IEnumerable<IGroupQueue> pumps)
    {
        json.WriteStartObject("statusTable");
        foreach (var topic in pumps.GroupBy(pump => pump.Queue.Topic))
        {
            var activities = topic.Select(pump => pump.Statistics.Recent.Read()).ToArray();
            var sums = activities.Aggregate(default(ActivitySums), (sum, activity) => sum + activity.LastMinute);
            json.WriteStartObject(consumer.Client.Names.Wrap(topic.Key));
            json.WriteNumber("consumeFailedMsgs", activities.Sum(activity => activity.FailedInHour));
            json.WriteNumber("consumeFailedTPS", sums.Failed / SecondsOfRates);
            json.WriteNumber("consumeOKTPS", sums.Succeeded / SecondsOfRates);
            json.WriteNumber("consumeRT", Average(sums.ConsumeTime, sums.Succeeded + sums.Failed));
            json.WriteNumber("pullRT", Average(sums.PullTime, sums.Pulls));
            json.WriteNumber("pullTPS", sums.PulledMessages / SecondsOfRates);
            json.WriteEndObject();
        }

        json.WriteEndObject();
    }

    private static double Average(TimeSpan total, long count) => count == 0 ? 0 : total.TotalMilliseconds / count;

    /// <summary>.NET cannot show other threads' stacks to the process itself; what it can tell is told instead.</summary>
    private string DescribeThreads()
    {
        var text = new StringBuilder()
            .Append("This member runs on .NET, which cannot show the stacks of its threads to itself; use dotnet-stack for them.\n")
            .Append(
                CultureInfo.InvariantCulture,
                $"Thread pool: {ThreadPool.ThreadCount} threads, {ThreadPool.PendingWorkItemCount} work items waiting\n");
        foreach (var pump in consumer.Pumps.Values.Where(pump => pump.Runs.InFlight > 0))
        {
            text.Append(CultureInfo.InvariantCulture, $"Listeners work on {pump.Runs.InFlight} messages of {pump.Queue}\n");
        }

        return text.ToString();
    }
}
