using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Docs;

/// <summary>What the documents about migration say of this library's settings is true, and no setting of Java's is left out.</summary>
public sealed partial class MigrationTests
{
    /// <summary>The settings of DefaultMQPushConsumer of rocketmq-client 5.3.3: its private fields, less what is no setting.</summary>
    private static readonly string[] JavaSettings =
    [
        "consumerGroup", "messageModel", "consumeFromWhere", "consumeTimestamp", "allocateMessageQueueStrategy", "subscription", "messageListener",
        "messageQueueListener", "offsetStore", "consumeThreadMin", "consumeThreadMax", "adjustThreadPoolNumsThreshold", "consumeConcurrentlyMaxSpan",
        "pullThresholdForQueue", "popThresholdForQueue", "pullThresholdSizeForQueue", "pullThresholdForTopic", "pullThresholdSizeForTopic", "pullInterval",
        "consumeMessageBatchMaxSize", "pullBatchSize", "pullBatchSizeInBytes", "postSubscriptionWhenPull", "unitMode", "maxReconsumeTimes",
        "suspendCurrentQueueTimeMillis", "consumeTimeout", "popInvisibleTime", "popBatchNums", "awaitTerminationMillisWhenShutdown", "traceDispatcher",
        "clientRebalance", "rpcHook",
    ];

    /// <summary>Those of its base class ClientConfig; mqClientApiTimeout and later ones are of 5.x.</summary>
    private static readonly string[] JavaClientSettings =
    [
        "namesrvAddr", "clientIP", "instanceName", "clientCallbackExecutorThreads", "namespace", "namespaceV2", "accessChannel", "pollNameServerInterval",
        "heartbeatBrokerInterval", "persistConsumerOffsetInterval", "pullTimeDelayMillsWhenException", "traceMsgBatchNum", "unitName", "decodeReadBody",
        "decodeDecompressBody", "vipChannelEnabled", "useHeartbeatV2", "useTLS", "socksProxyConfig", "mqClientApiTimeout", "detectTimeout", "detectInterval",
        "language", "sendLatencyEnable", "startDetectorEnable", "enableTrace", "traceTopic",
    ];

    [Theory]
    [InlineData("docs/migration-from-java.md", "DefaultMQPushConsumer")]
    [InlineData("docs/migration-from-java.md", "ClientConfig")]
    [InlineData("docs/migration-from-newlife.md", "Properties")]
    public void Every_setting_that_is_named_exists_and_has_the_default_that_is_named(string document, string heading)
    {
        var rows = Repository.Rows(document, heading).ToList();

        Assert.True(rows.Count > 10);
        Assert.All(rows, row =>
        {
            Assert.Equal(5, row.Length);
            if (row[2] == "–")
            {
                Assert.Empty(row[3]);
                return;
            }

            var option = row[2].Trim('`');
            var of = new[] { typeof(ConsumerOptions), typeof(RocketMQOptions) }.FirstOrDefault(type => type.GetProperty(option) is not null);
            Assert.True(of is not null, $"{option} is no setting");
            Assert.True(row[3].Trim('`') == Written(of.GetProperty(option)!.GetValue(Activator.CreateInstance(of))), $"{option} is not {row[3]} by default");
            Assert.NotEmpty(row[4]);
        });
    }

    [Fact]
    public void No_setting_of_Java_is_left_out()
    {
        Assert.Empty(JavaSettings.Except(Named("DefaultMQPushConsumer")));
        Assert.Empty(JavaClientSettings.Except(Named("ClientConfig")));

        static IEnumerable<string> Named(string heading) => Repository.Rows("docs/migration-from-java.md", heading).SelectMany(row => Quoted().Matches(row[0])).Select(match => match.Groups[1].Value);
    }

    [Fact]
    public void Every_option_that_troubleshooting_and_concepts_name_exists()
    {
        // A name in quotes that ends like a setting must be one.
        var known = new[] { typeof(ConsumerOptions), typeof(RocketMQOptions) }.SelectMany(type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)).Select(property => property.Name).ToHashSet();
        foreach (var document in new[] { "docs/concepts.md", "docs/troubleshooting.md", "docs/migration-from-java.md", "docs/migration-from-newlife.md" })
        {
            var settings = Repository.LinesOf(document).SelectMany(line => Quoted().Matches(line)).Select(match => match.Groups[1].Value).Where(name => LikeOurs().IsMatch(name)).ToList();
            Assert.All(settings, name => Assert.True(known.Contains(name) || document.Contains("newlife", StringComparison.Ordinal), $"{document}: {name}"));
        }
    }

    private static string Written(object? value) => value switch
    {
        null or "" or ICollection { Count: 0 } => "none",
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex("^(Consume|Pull|Persist|Max|Suspend|Checkpoint|Shutdown|Membership|Heartbeat|Tls|Access|Secret|Offset|Key|Lock)[A-Za-z]+(Size|Max|Min|Times|Time|Timeout|Interval|Span|Backoff|Path|Key|File|Expiry|Where|Host)$")]
    private static partial Regex LikeOurs();
}
