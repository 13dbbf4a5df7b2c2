using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>A name server and a broker of the test's own, behind TCP, with a topic, a group and a producer.</summary>
internal sealed class TestRocketMQ : IAsyncDisposable
{
    public const string Topic = "orders";
    public const string Group = "billing";

    private static int s_groups;
    private readonly RocketMQClient _client;

    private TestRocketMQ(EmbeddedRocketMQ embedded)
    {
        Embedded = embedded;
        _client = PatientClients.Start(embedded.NameServerAddress, "127.0.0.1@producer");
        Producer = PatientClients.Producer(_client, "test_producer");
    }

    public EmbeddedRocketMQ Embedded { get; }

    public EmbeddedBroker Broker => Embedded.Broker;

    public FaultInjection Faults => Embedded.Faults;

    public Producer Producer { get; }

    public RocketMQClient Client => _client;

    /// <summary>This test's group: silos of tests share a process, and scripts of listeners are found by it.</summary>
    public string MyGroup { get; } = $"{Group}_{Interlocked.Increment(ref s_groups)}";

    public Recorder Recorder { get; } = new();

    public string RetryTopic => SystemTopics.Retry(MyGroup);

    /// <summary>Retries come after moments instead of seconds.</summary>
    public static EmbeddedRocketMQOptions QuickRetries { get; } = new() { MessageDelayLevels = "50ms 100ms 150ms 200ms 200ms 200ms 200ms 200ms" };

    public static async Task<TestRocketMQ> StartAsync(int queues = 4, EmbeddedRocketMQOptions? options = null)
    {
        var started = new TestRocketMQ(await EmbeddedRocketMQ.StartAsync(options ?? QuickRetries));
        started.Embedded.CreateTopic(Topic, queues);
        return started;
    }

    /// <summary>One silo, or several, whose listener does what the script says; ready when this returns.</summary>
    public async Task<TestCluster> ConsumeAsync(
        ListenerScript? script = null,
        Action<ConsumerOptions>? configure = null,
        short silos = 1,
        Action<RocketMQOptions>? setUp = null,
        Action<RocketMQBuilder>? prepare = null)
    {
        var cluster = await BeginAsync(script, configure, silos, setUp, prepare);
        await cluster.UntilReadyAsync(MyGroup);
        return cluster;
    }

    /// <summary>As <see cref="ConsumeAsync"/>, but does not wait until the group is ready.</summary>
    public Task<TestCluster> BeginAsync(
        ListenerScript? script = null,
        Action<ConsumerOptions>? configure = null,
        short silos = 1,
        Action<RocketMQOptions>? setUp = null,
        Action<RocketMQBuilder>? prepare = null)
        => TestCluster.BeginAsync(
            Embedded.NameServerAddress,
            MyGroup,
            Topic,
            script ?? Recorder.Succeed(),
            consumer => consumer.Configure(options =>
            {
                // Offsets are told all the time, so that one that is wrong would show.
                options.PersistInterval = TimeSpan.FromMilliseconds(20);
                options.RetryInterval = TimeSpan.FromMilliseconds(100);
                configure?.Invoke(options);
            }),
            silos,
            builder =>
            {
                DeclaredListeners.HideIn(builder.Configure(setUp ?? (_ => { })).Services);
                prepare?.Invoke(builder);
            });

    /// <summary>Makes the group, for brokers that make none by themselves.</summary>
    public Task CreateGroupAsync() => Client.Brokers.InvokeAsync(Broker.Address, RemotingCommand.Request(
        RequestCodes.UpdateAndCreateSubscriptionGroup, Encoding.UTF8.GetBytes($$"""{"groupName":"{{MyGroup}}","consumeEnable":true,"retryQueueNums":1,"retryMaxTimes":16}""")));

    /// <summary>Has the broker reset the group to the begin of a topic, as mqadmin does; each queue's next pull is told.</summary>
    public async Task ResetAsync(string topic = Topic)
    {
        var answer = await Client.Remoting.InvokeAsync(
            Broker.Address,
            RemotingCommand.Request(RequestCodes.InvokeBrokerToResetOffset)
                .Set("topic", topic).Set("group", MyGroup).Set("timestamp", 0L).Set("isForce", true));
        Assert.Equal(ResponseCodes.Success, answer.Code);
    }

    /// <summary>Whether the broker still keeps such a reset for a queue's next pull. Takes it.</summary>
    public async Task<bool> TakeResetAsync(MessageQueue queue)
    {
        var request = new PullRequest(MyGroup, queue, Offset: 1) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero };
        return await Client.Brokers.PullAsync(Broker.Address, request) is { Status: PullStatus.OffsetIllegal, NextBeginOffset: 0 };
    }

    /// <summary>Sends the numbers from <paramref name="first"/> on as text, to all queues in turn.</summary>
    public async Task SendAsync(int count, int first = 0, Action<Message>? prepare = null)
    {
        foreach (var number in Enumerable.Range(first, count))
        {
            var message = new Message(Topic, Encoding.UTF8.GetBytes($"{number}"));
            prepare?.Invoke(message);
            await Producer.SendAsync(message);
        }
    }

    /// <summary>The text of every message sent by <see cref="SendAsync"/>.</summary>
    public static IEnumerable<string> Numbers(int count) => Enumerable.Range(0, count).Select(number => $"{number}").Order();

    /// <summary>Sends a request as no producer of ours makes it.</summary>
    public Task<SendMessageResponse> SendAsync(string body, Func<SendMessageRequest, SendMessageRequest> change) => Client.Brokers.SendAsync(
        Broker.Address,
        change(new()
        {
            ProducerGroup = "test_producer",
            Topic = Topic,
            BrokerName = Broker.Name,
            QueueId = 0,
            Body = Encoding.UTF8.GetBytes(body),
            BornTimestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
        }));

    public static string Text(MessageExt message) => Encoding.UTF8.GetString(message.Body.Span);

    /// <summary>What the broker holds as the group's progress, over all queues.</summary>
    public long Committed(string topic = Topic)
        => Enumerable.Range(0, Broker.QueueCount(topic)).Sum(queue => Broker.CommittedOffset(MyGroup, topic, queue) ?? 0);

    public Task UntilCommittedAsync(long offset) => Eventually.TrueAsync(
        () => Committed() == offset, () => $"{offset} committed; it is {Committed()}");

    /// <summary>Waits until each of that many messages has come at least once.</summary>
    public Task UntilAllCameAsync(int count) => Eventually.TrueAsync(
        () => Recorder.Count >= count && Recorder.Bodies.Distinct().Count() >= count,
        () => $"{count} messages; there are {Recorder.Bodies.Distinct().Count()}");

    public async ValueTask DisposeAsync()
    {
        await Producer.DisposeAsync();
        await _client.DisposeAsync();
        await Embedded.DisposeAsync();
    }
}
