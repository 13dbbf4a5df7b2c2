using System.Globalization;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

public sealed class EnvironmentVariableTests
{
    /// <summary>Every variable with a value that is not the default, and the option's value afterwards.</summary>
    public static TheoryData<string, string, string> Settings => new()
    {
        { "ROCKETMQ_CONSUME_THREAD_MIN", "7", "7" },
        { "ROCKETMQ_CONSUME_THREAD_MAX", "77", "77" },
        { "ROCKETMQ_CONSUME_BATCH_SIZE", " 16 ", "16" },
        { "ROCKETMQ_PULL_BATCH_SIZE", "48", "48" },
        { "ROCKETMQ_CONSUME_FROM_WHERE", "FIRST_OFFSET", "FirstOffset" },
        { "ROCKETMQ_CONSUME_FROM_WHERE", "CONSUME_FROM_TIMESTAMP", "Timestamp" },
        { "ROCKETMQ_CONSUME_FROM_WHERE", "first", "FirstOffset" },
        { "ROCKETMQ_CONSUME_TIMEOUT", "20", "00:20:00" },
        { "ROCKETMQ_CONSUME_TIMEOUT", "30s", "00:00:30" },
        { "ROCKETMQ_MESSAGE_MODEL", "BROADCASTING", "Broadcasting" },
        { "ROCKETMQ_ALLOCATE_STRATEGY", "HASH", "HASH" },
        { "ROCKETMQ_MAX_CACHE_COUNT_PER_QUEUE", "500", "500" },
        { "ROCKETMQ_MAX_CACHE_SIZE_PER_QUEUE", "64", "67108864" },
        { "ROCKETMQ_ENABLE_AUTO_RECOVERY", "false", "False" },
        { "ROCKETMQ_MAX_RETRY_TIMES", "5", "5" },
        { "ROCKETMQ_SUSPEND_CURRENT_QUEUE_TIME_MILLIS", "1500", "00:00:01.5000000" },
        { "ROCKETMQ_LOCK_EXPIRE_TIME", "40", "00:00:40" },
        { "ROCKETMQ_PERSIST_INTERVAL", "2500", "00:00:02.5000000" },
        { "ROCKETMQ_PERSIST_INTERVAL", "3s", "00:00:03" },
        { "ROCKETMQ_PERSIST_INTERVAL", "2 min", "00:02:00" },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_variable_sets_its_option_for_every_consumer(string name, string value, string expected)
    {
        using var silo = BuiltSilo.With(
            builder => Add(builder).AddConsumer<ScriptedListener>("h", consumer => consumer.Subscribe("t")), environment: Environment((name, value)));

        Assert.Equal(expected, ValueOf(silo.Consumer("g"), name));
        Assert.Equal(expected, ValueOf(silo.Consumer("h"), name));
    }

    [Fact]
    public void Every_variable_is_tested_and_sets_something_else_than_the_default()
    {
        Assert.Equal(EnvironmentVariables.All.Select(variable => variable.Name).Order(), Settings.Select(row => (string)row[0]).Distinct().Order());
        Assert.All(Settings, row => Assert.NotEqual(ValueOf(new ConsumerOptions(), (string)row[0]), (string)row[2]));
    }

    [Fact]
    public void Variables_override_configuration_which_overrides_code()
    {
        var configuration = new Dictionary<string, string?>
        {
            ["RocketMQ:Consumers:g:ConsumeBatchSize"] = "20",
            ["RocketMQ:Consumers:g:PullBatchSize"] = "20",
        };
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer
                .Subscribe("t")
                .Configure(options => (options.ConsumeThreadMin, options.ConsumeBatchSize, options.PullBatchSize) = (10, 10, 10))),
            configuration,
            environment: Environment(("ROCKETMQ_PULL_BATCH_SIZE", "30")));

        Assert.Equal((10, 20, 30), (silo.Only.ConsumeThreadMin, silo.Only.ConsumeBatchSize, silo.Only.PullBatchSize));
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void An_empty_variable_is_none(string value)
    {
        using var silo = BuiltSilo.With(builder => Add(builder), environment: Environment(("ROCKETMQ_PULL_BATCH_SIZE", value)));

        Assert.Equal(32, silo.Only.PullBatchSize);
    }

    [Theory]
    [InlineData("ROCKETMQ_CONSUME_BATCH_SIZE", "many")]
    [InlineData("ROCKETMQ_CONSUME_BATCH_SIZE", "0")]
    [InlineData("ROCKETMQ_CONSUME_BATCH_SIZE", "99999999999")]
    [InlineData("ROCKETMQ_CONSUME_FROM_WHERE", "MIDDLE")]
    [InlineData("ROCKETMQ_CONSUME_FROM_WHERE", "1")]
    [InlineData("ROCKETMQ_PERSIST_INTERVAL", "-5")]
    [InlineData("ROCKETMQ_PERSIST_INTERVAL", "5 weeks")]
    [InlineData("ROCKETMQ_PERSIST_INTERVAL", "9999999999999999 h")]
    [InlineData("ROCKETMQ_PERSIST_INTERVAL", "5 h")]
    public void A_value_that_cannot_be_read_or_is_out_of_range_is_refused_by_the_variables_name(string name, string value)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(builder => Add(builder), environment: Environment((name, value))));

        Assert.Equal(name, error.Field);
        Assert.Equal(value, error.Value);
    }

    [Fact]
    public void The_folder_of_offsets_is_that_of_the_environment_before_configuration_and_code()
    {
        using var silo = BuiltSilo.With(
            builder => Add(builder).Configure(options => options.OffsetStorePath = "in-code"),
            [new("RocketMQ:OffsetStorePath", "in-configuration")],
            environment: Environment(("ROCKETMQ_OFFSET_STORE_PATH", "in-environment")));

        Assert.Equal("in-environment", silo.Options.OffsetStorePath);
    }

    [Fact]
    public void A_consumer_may_be_described_by_the_environment_alone()
    {
        var environment = new EnvironmentVariables(Environment(
            ("ROCKETMQ_CONSUMER_GROUP", "from_outside"), ("ROCKETMQ_SUBSCRIPTIONS", "orders; parcels : new||changed ;"), ("NAMESRV_ADDR", "java:9876")).GetValueOrDefault);

        using var silo = BuiltSilo.With(
            builder => builder.AddConsumerFrom<ScriptedListener>(environment, consumer => consumer.UseSimple()),
            new Dictionary<string, string?> { ["RocketMQ:NameServer"] = null });

        Assert.Equal("from_outside", silo.Only.Group);
        Assert.Equal("java:9876", silo.Options.NameServer);
        Assert.Equal(1, silo.Only.ConsumeThreadMax);
        Assert.Equal(["orders TAG: *", "parcels TAG: new || changed"], silo.Only.Subscriptions.Select(pair => $"{pair.Key} {pair.Value}").Order());
    }

    [Theory]
    [InlineData(null, "orders", EnvironmentConsumer.GroupVariable)]
    [InlineData("g", null, EnvironmentConsumer.SubscriptionsVariable)]
    [InlineData("g", " ; ", EnvironmentConsumer.SubscriptionsVariable)]
    [InlineData("g", "or ders", EnvironmentConsumer.SubscriptionsVariable)]
    [InlineData("g", "orders:||", EnvironmentConsumer.SubscriptionsVariable)]
    public void An_environment_that_describes_none_is_refused_by_the_variables_name(string? group, string? subscriptions, string field)
    {
        var variables = new Dictionary<string, string?> { ["ROCKETMQ_CONSUMER_GROUP"] = group, ["ROCKETMQ_SUBSCRIPTIONS"] = subscriptions };

        var error = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => builder.AddConsumerFrom<ScriptedListener>(new EnvironmentVariables(variables.GetValueOrDefault))));

        Assert.Equal(field, error.Field);
    }

    private static RocketMQBuilder Add(RocketMQBuilder builder) => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t"));

    private static Dictionary<string, string> Environment(params (string Name, string Value)[] variables) => variables.ToDictionary(variable => variable.Name, variable => variable.Value);

    private static string? ValueOf(ConsumerOptions options, string variable)
    {
        var option = EnvironmentVariables.All.Single(one => one.Name == variable).Option;
        return Convert.ToString(typeof(ConsumerOptions).GetProperty(option)!.GetValue(options), CultureInfo.InvariantCulture);
    }
}
