using System.Reflection;
using System.Reflection.Emit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Serialization.Configuration;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

/// <summary>What a silo consumes is put together from attributes, code and configuration, the later overriding the earlier.</summary>
public sealed class ConsumerSetTests
{
    [Fact]
    public void Configuration_sets_every_option_of_a_group()
    {
        using var silo = BuiltSilo.With(Add, Settings(
            ("RocketMQ:Consumers:g:ConsumeFromWhere", "timestamp"),
            ("RocketMQ:Consumers:g:ConsumeTimestamp", "2026-01-02T03:04:05Z"),
            ("RocketMQ:Consumers:g:ConsumeThreadMin", "2"),
            ("RocketMQ:Consumers:g:ConsumeThreadMax", "3"),
            ("RocketMQ:Consumers:g:ConsumeBatchSize", "4"),
            ("RocketMQ:Consumers:g:PullBatchSize", "5"),
            ("RocketMQ:Consumers:g:PullInterval", "00:00:01"),
            ("RocketMQ:Consumers:g:PullSuspendTimeout", "00:00:02"),
            ("RocketMQ:Consumers:g:PullThresholdForQueue", "6"),
            ("RocketMQ:Consumers:g:PullThresholdBytesForQueue", "1048577"),
            ("RocketMQ:Consumers:g:ConsumeMaxSpan", "7"),
            ("RocketMQ:Consumers:g:MaxReconsumeTimes", "8"),
            ("RocketMQ:Consumers:g:PersistInterval", "00:00:03"),
            ("RocketMQ:Consumers:g:RetryInterval", "00:00:04"),
            ("RocketMQ:Consumers:g:KeyRetryBackoff", "00:00:05"),
            ("RocketMQ:Consumers:g:MaxKeyRetryBackoff", "00:00:06"),
            ("RocketMQ:Consumers:g:NameServer", "other:1234")));

        var g = silo.Only;
        Assert.Equal(ConsumeFromWhere.Timestamp, g.ConsumeFromWhere);
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), g.ConsumeTimestamp);
        Assert.Equal((2, 3, 4, 5), (g.ConsumeThreadMin, g.ConsumeThreadMax, g.ConsumeBatchSize, g.PullBatchSize));
        Assert.Equal((1, 2), (g.PullInterval.TotalSeconds, g.PullSuspendTimeout.TotalSeconds));
        Assert.Equal((6, 1048577, 7, 8), (g.PullThresholdForQueue, g.PullThresholdBytesForQueue, g.ConsumeMaxSpan, g.MaxReconsumeTimes));
        Assert.Equal((5, 6), (g.KeyRetryBackoff.TotalSeconds, g.MaxKeyRetryBackoff.TotalSeconds));
        Assert.Equal((3, 4, "other:1234"), (g.PersistInterval.TotalSeconds, g.RetryInterval.TotalSeconds, g.NameServer));
    }

    [Fact]
    public void Configuration_sets_what_all_consumers_share()
    {
        using var silo = BuiltSilo.With(
            builder => Add(builder.UseNameServer("code:1").Configure(options => options.HeartbeatInterval = TimeSpan.FromSeconds(7))),
            Settings(
                ("RocketMQ:NameServer", "a:9876;b:9876"),
                ("RocketMQ:RequestTimeout", "00:00:09"),
                ("RocketMQ:CheckCrc", "true")));

        Assert.Equal("a:9876;b:9876", silo.Options.NameServer);
        Assert.Equal((9, 7, true), (silo.Options.RequestTimeout.TotalSeconds, silo.Options.HeartbeatInterval.TotalSeconds, silo.Options.CheckCrc));
    }

    [Fact]
    public void What_is_said_of_all_consumers_is_their_start_and_what_is_said_of_one_counts()
    {
        using var silo = BuiltSilo.With(
            builder =>
            {
                // Said last, and still the first to be overridden.
                builder.AddConsumer<ScriptedListener>(DeclaredListener.Group, consumer => consumer.Configure(options => options.ConsumeBatchSize = 4));
                builder.ConfigureConsumers(options => (options.ConsumeBatchSize, options.PullBatchSize, options.MaxReconsumeTimes) = (2, 3, 5));
            },
            Settings(($"RocketMQ:Consumers:{DeclaredListener.Group}:PullBatchSize", "6")),
            declared: true);

        Assert.Equal((4, 6, 5), (silo.Only.ConsumeBatchSize, silo.Only.PullBatchSize, silo.Only.MaxReconsumeTimes));
    }

    [Fact]
    public void Configuration_adds_and_overrides_topics()
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("kept", "x").Subscribe("changed", "x")),
            Settings(
                ("RocketMQ:Consumers:g:Topics:changed:Tags", "a || b"),
                ("RocketMQ:Consumers:g:Topics:by_sql:Sql", "price > 10"),
                ("RocketMQ:Consumers:g:Topics:all", ""),
                ("RocketMQ:Consumers:g:Topics:short", "c||d")));

        Assert.Equal(
            ["all TAG: *", "by_sql SQL92: price > 10", "changed TAG: a || b", "kept TAG: x", "short TAG: c || d"],
            silo.Only.Subscriptions.Select(pair => $"{pair.Key} {pair.Value}").Order());
    }

    [Fact]
    public void Attributes_declare_a_listener_of_several_topics()
    {
        using var silo = BuiltSilo.With(declared: true);

        Assert.Equal(typeof(DeclaredListener), silo.Only.Listener);
        Assert.Equal(DeclaredListener.Group, silo.Only.Group);
        Assert.Equal(
            ["declared_all TAG: *", "declared_sql SQL92: price > 10", "declared_tags TAG: a || b"],
            silo.Only.Subscriptions.Select(pair => $"{pair.Key} {pair.Value}").Order());
    }

    [Fact]
    public void Code_overrides_attributes_and_configuration_overrides_both()
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedListener>(DeclaredListener.Group, consumer => consumer
                .Subscribe("declared_all", "by_code")
                .Subscribe("declared_tags", "by_code")
                .Configure(options => (options.ConsumeBatchSize, options.PullBatchSize) = (11, 11))),
            Settings(
                ("RocketMQ:Consumers:declared:Topics:declared_tags:Tags", "by_configuration"),
                ("RocketMQ:Consumers:declared:PullBatchSize", "22")),
            declared: true);

        Assert.Equal(typeof(ScriptedListener), silo.Only.Listener);
        Assert.Equal((11, 22), (silo.Only.ConsumeBatchSize, silo.Only.PullBatchSize));
        Assert.Equal(
            ["declared_all TAG: by_code", "declared_sql SQL92: price > 10", "declared_tags TAG: by_configuration"],
            silo.Only.Subscriptions.Select(pair => $"{pair.Key} {pair.Value}").Order());
    }

    [Fact]
    public void Listeners_may_be_given_by_an_interface_with_one_class()
    {
        using var silo = BuiltSilo.With(builder => builder.AddConsumer<IOnlyListener>("g", consumer => consumer.Subscribe("t")), declared: true);

        Assert.Equal(typeof(IOnlyListener), silo.Consumer("g").Listener);
    }

    public static TheoryData<string, string?, string> WrongSettings => new()
    {
        { "RocketMQ:Consumers:g:ConsumeBatchSize", "many", "RocketMQ:Consumers:g:ConsumeBatchSize" },
        { "RocketMQ:Consumers:g:ConsumeBatchSize", "-1", "RocketMQ:Consumers:g:ConsumeBatchSize" },
        { "RocketMQ:Consumers:g:ConsumeBatchSize", "99999999999", "RocketMQ:Consumers:g:ConsumeBatchSize" },
        { "RocketMQ:Consumers:g:PullInterval", "soon", "RocketMQ:Consumers:g:PullInterval" },
        { "RocketMQ:Consumers:g:ConsumeFromWhere", "Middle", "RocketMQ:Consumers:g:ConsumeFromWhere" },
        { "RocketMQ:Consumers:g:ConsumeBatchSise", "1", "RocketMQ:Consumers:g:ConsumeBatchSise" },
        { "RocketMQ:Consumers:g:Group", "other", "RocketMQ:Consumers:g:Group" },
        { "RocketMQ:Consumers:g:NameServer", "nowhere", "RocketMQ:Consumers:g:NameServer" },
        { "RocketMQ:Consumers:g:Topics:t:Tags", "||", "RocketMQ:Consumers:g:Topics:t" },
        { "RocketMQ:Consumers:g:Topics:t:Sql", " ", "RocketMQ:Consumers:g:Topics:t" },
        { "RocketMQ:Consumers:g:Topics:not allowed", "*", "RocketMQ:Consumers:g:Subscriptions:Topic" },
        { "RocketMQ:Consumers:unknown:ConsumeBatchSize", "1", "RocketMQ:Consumers:unknown:Listener" },
        { "RocketMQ:NameServer", "", "RocketMQ:NameServer" },
        { "RocketMQ:NameServer", "a:b:c", "RocketMQ:NameServer" },
        { "RocketMQ:NameServer", "host:0", "RocketMQ:NameServer" },
        { "RocketMQ:RequestTimeout", "never", "RocketMQ:RequestTimeout" },
        { "RocketMQ:RequestTimeout", "00:00:00", "RocketMQ:RequestTimeout" },
        { "RocketMQ:HeartbeatInterval", "00:02:00", "RocketMQ:HeartbeatInterval" },
        { "RocketMQ:PollNameServerInterval", "-00:00:01", "RocketMQ:PollNameServerInterval" },
        { "RocketMQ:RebalanceInterval", "100.00:00:00", "RocketMQ:RebalanceInterval" },
        { "RocketMQ:ShutdownTimeout", "-00:00:01", "RocketMQ:ShutdownTimeout" },
        { "RocketMQ:CheckCrc", "perhaps", "RocketMQ:CheckCrc" },
    };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public void A_wrong_setting_is_refused_by_its_path(string key, string? value, string field)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(Add, Settings((key, value))));

        Assert.Equal(field, error.Field);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tags_and_a_condition_together_are_refused()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(Add, Settings(
            ("RocketMQ:Consumers:g:Topics:t:Tags", "a"), ("RocketMQ:Consumers:g:Topics:t:Sql", "price > 1"))));

        Assert.Equal("RocketMQ:Consumers:g:Topics:t", error.Field);
    }

    [Fact]
    public void An_interface_without_a_class_is_refused_and_so_is_one_with_two()
    {
        var none = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => builder.AddConsumer<INobodysListener>("g", consumer => consumer.Subscribe("t"))));
        var two = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => builder.AddConsumer<IConcurrentListener>("g", consumer => consumer.Subscribe("t"))));

        Assert.Equal("RocketMQ:Consumers:g:Listener", none.Field);
        Assert.Equal("RocketMQ:Consumers:g:Listener", two.Field);
        Assert.Contains(nameof(SpreadListener), two.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(typeof(StatelessKeyedListener), "StatelessWorker")]
    [InlineData(typeof(ReentrantKeyedListener), "Reentrant")]
    public void A_key_ordered_listener_whose_calls_could_overlap_is_refused(Type listener, string attribute)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedKeyedListener>("g", consumer => consumer.Subscribe("t").Configure(options => options.Listener = listener))));

        Assert.Equal("RocketMQ:Consumers:g:Listener", error.Field);
        Assert.Contains($"[{attribute}]", error.Expected, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_with_an_illegal_name_or_without_a_topic_is_refused()
    {
        var name = Assert.Throws<RocketMQConfigurationException>(
            () => BuiltSilo.With(builder => builder.AddConsumer<ScriptedListener>("no good", consumer => consumer.Subscribe("t"))));
        var topics = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(builder => builder.AddConsumer<ScriptedListener>("g", _ => { })));

        Assert.Equal("Consumer.Group", name.Field);
        Assert.Equal("RocketMQ:Consumers:g:Subscriptions", topics.Field);
    }

    [Fact]
    public async Task A_silo_with_a_wrong_setting_does_not_start_and_says_why()
    {
        var error = await Assert.ThrowsAsync<RocketMQConfigurationException>(async () =>
        {
            using var host = BuiltSilo.Build(Add, Settings(("RocketMQ:Consumers:g:PullBatchSize", "0")));
            await host.StartAsync();
        });

        Assert.Equal("RocketMQ:Consumers:g:PullBatchSize", error.Field);
    }

    [Fact]
    public void Several_calls_of_AddRocketMQ_add_up_and_configuration_still_has_the_last_word()
    {
        using var silo = BuiltSilo.With(
            builder =>
            {
                Add(builder);
                builder.AddConsumer<SpreadListener>("h", consumer => consumer.Subscribe("t"));
                builder.UseNameServer("code:1");
            },
            Settings(("RocketMQ:NameServer", "configured:2")));

        Assert.Equal(typeof(ScriptedListener), silo.Consumer("g").Listener);
        Assert.Equal(typeof(SpreadListener), silo.Consumer("h").Listener);
        Assert.Equal("configured:2", silo.Options.NameServer);
    }

    private static void Add(RocketMQBuilder builder) => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t"));

    private static IEnumerable<KeyValuePair<string, string?>> Settings(params (string Key, string? Value)[] settings)
        => settings.Select(setting => KeyValuePair.Create(setting.Key, setting.Value));

    [Fact]
    public void A_silo_with_a_random_name_cannot_broadcast()
    {
        Action<RocketMQBuilder> broadcasting = builder => builder.AddConsumer<ScriptedListener>(
            "g", consumer => consumer.Subscribe("t").Configure(options => options.MessageModel = MessageModel.Broadcasting));

        Assert.Equal("Orleans:Name", Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(broadcasting, name: "Silo_0a1b2")).Field);
        using var named = BuiltSilo.With(broadcasting, name: "silo-1");
    }

    [Fact]
    public void A_broadcasting_group_has_its_listeners_on_the_silo_that_gets_the_messages()
    {
        using var worker = Broadcasting<ScriptedListener>();
        using var local = Broadcasting<LocalOrderlyListener>();
        using var @delegate = BuiltSilo.With(builder => builder.AddConsumer(
            "g", consumer => consumer.Subscribe("t").Handle((_, _) => Task.CompletedTask).Configure(options => options.MessageModel = MessageModel.Broadcasting)));

        AssertRefused(() => Broadcasting<SpreadListener>(), "[StatelessWorker] or [PreferLocalPlacement]");
        AssertRefused(() => Broadcasting<SpreadOrderlyListener>(), "[PreferLocalPlacement]");
        AssertRefused(() => Broadcasting<ScriptedKeyedListener>(), "a key has one grain in the cluster");

        static BuiltSilo Broadcasting<TListener>()
            where TListener : IMessageListener => BuiltSilo.With(builder => builder.AddConsumer<TListener>(
                "g", consumer => consumer.Subscribe("t").Configure(options => options.MessageModel = MessageModel.Broadcasting)));

        static void AssertRefused(Func<object> build, string expected)
        {
            var error = Assert.Throws<RocketMQConfigurationException>(build);
            Assert.Equal("RocketMQ:Consumers:g:Listener", error.Field);
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(ConsumeFromWhere.FirstOffset)]
    [InlineData(ConsumeFromWhere.MinOffset)]
    [InlineData(ConsumeFromWhere.Timestamp)]
    public void Skipping_history_goes_only_with_beginning_at_the_end(ConsumeFromWhere where)
        => Assert.Equal("RocketMQ:Consumers:g:SkipHistory", Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(builder => builder
            .AddConsumer<ScriptedListener>("g", consumer => consumer
                .Subscribe("t")
                .Configure(options => (options.SkipHistory, options.ConsumeFromWhere) = (true, where))))).Field);

    [Theory]
    [InlineData("a", "b")]
    [InlineData("*", "b")]
    public void Two_selectors_of_one_group_and_topic_in_code_are_refused_with_group_topic_and_both(string first, string second)
    {
        Action<RocketMQBuilder>[] ways =
        [
            builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("orders", first).Subscribe("orders", second)),
            builder => builder
                .AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("orders", first))
                .AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("orders", second)),
        ];
        foreach (var way in ways)
        {
            var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(way));

            Assert.All(["'g'", "'orders'", $"TAG: {first}", $"TAG: {second}"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Two_attributes_of_one_group_and_topic_with_different_selectors_are_refused_with_group_topic_and_both()
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(
            builder => builder.Services.PostConfigure<TypeManifestOptions>(manifest => manifest.InterfaceImplementations.Add(TwiceDeclared()))));

        Assert.All(["'twice'", "'orders'", "TAG: a", "TAG: b"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_selector_may_be_said_twice_and_configuration_may_say_another_one()
    {
        using var silo = BuiltSilo.With(
            builder => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("orders", "a||b").Subscribe("orders", "a || b")),
            Settings(("RocketMQ:Consumers:g:Topics:orders:Tags", "c")));

        Assert.Equal("TAG: c", silo.Only.Subscriptions["orders"].ToString());
    }

    [Theory]
    [InlineData(120, null, true)]
    [InlineData(121, null, false)]
    [InlineData(123, null, false)]
    [InlineData(255, null, false)]
    [InlineData(117, "ns", true)]
    [InlineData(118, "ns", false)]
    public void A_group_from_which_a_topic_would_follow_that_is_too_long_for_brokers_is_refused(int length, string? @namespace, bool fits)
    {
        var group = new string('g', length);
        BuiltSilo Start() => BuiltSilo.With(
            builder => builder.Configure(options => options.Namespace = @namespace).AddConsumer<ScriptedListener>(group, consumer => consumer.Subscribe("t")));

        if (fits)
        {
            using var silo = Start();
            return;
        }

        var error = Assert.Throws<RocketMQConfigurationException>(Start);
        Assert.Equal("Consumer.Group", error.Field);
        Assert.Contains(@namespace is null ? "at most 120 bytes" : "at most 117 bytes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(127, null, true)]
    [InlineData(124, "ns", true)]
    [InlineData(125, "ns", false)]
    public void A_topic_that_is_too_long_for_brokers_with_its_namespace_is_refused(int length, string? @namespace, bool fits)
    {
        var error = Record.Exception(() => BuiltSilo.With(builder => builder
            .Configure(options => options.Namespace = @namespace)
            .AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe(new string('t', length)))).Dispose());

        Assert.Equal(fits, error is null);
        if (error is not null)
        {
            Assert.Contains("at most 124 bytes", Assert.IsType<RocketMQConfigurationException>(error).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A listener class of this test alone: silos of other tests would find one that is written down.</summary>
    private static Type TwiceDeclared()
    {
        var module = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("Twice"), AssemblyBuilderAccess.Run).DefineDynamicModule("Twice");
        var type = module.DefineType("TwiceDeclaredListener", TypeAttributes.Public | TypeAttributes.Class, typeof(Grain), [typeof(IConcurrentListener)]);
        var consume = typeof(IConcurrentListener).GetMethod(nameof(IConcurrentListener.ConsumeAsync))!;
        type.DefineMethod(
                consume.Name,
                MethodAttributes.Public | MethodAttributes.Virtual,
                consume.ReturnType,
                [.. consume.GetParameters().Select(parameter => parameter.ParameterType)])
            .GetILGenerator()
            .ThrowException(typeof(NotSupportedException));
        var attribute = typeof(RocketMQListenerAttribute);
        foreach (var tag in new[] { "a", "b" })
        {
            type.SetCustomAttribute(new CustomAttributeBuilder(
                attribute.GetConstructors()[0], ["twice", "orders"], [attribute.GetProperty(nameof(RocketMQListenerAttribute.Tags))!], [tag]));
        }

        return type.CreateType();
    }
}
