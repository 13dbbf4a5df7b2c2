using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansRocketMQ.Connectivity;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>
/// Access rights are given topic by topic. One that the account has not is told with its topic, and is that topic's affair alone.
/// The embedded broker knows accounts but no rights, so it answers here as a 5.3.3 with authorization does.
/// </summary>
public sealed class DeniedTopicTests
{
    private const string Denied = "salaries";
    private const string Remark = $"User:consumer has no permission to access Topic:{Denied} from 10.0.0.7";

    [Fact]
    public async Task A_topic_that_may_not_be_read_is_told_by_name_while_the_other_topics_of_the_group_are_consumed()
    {
        await using var rocketmq = await StartAsync();
        await using var cluster = await rocketmq.BeginAsync(configure: options => options.Subscriptions[Denied] = MessageSelector.All);

        await rocketmq.SendAsync(20);
        await rocketmq.UntilAllCameAsync(20);
        await rocketmq.UntilCommittedAsync(20);

        await Eventually.TrueAsync(
            () => Complaints(cluster, rocketmq) is { Length: 2 } all && all.All(error => error.Contains("NoPermission", StringComparison.Ordinal) && error.Contains(Denied, StringComparison.Ordinal)),
            () => $"both queues of the topic say why they bring nothing; they say: {string.Join("; ", Complaints(cluster, rocketmq))}");
        await rocketmq.SendAsync(20, first: 20);
        await rocketmq.UntilCommittedAsync(40);

        // Once it is given, the right counts without a restart.
        rocketmq.Faults.Clear();
        await rocketmq.Producer.SendAsync(new Message(Denied, "1000"u8.ToArray()));
        await Eventually.TrueAsync(() => rocketmq.Recorder.Bodies.Contains("1000"), "the topic is consumed");
    }

    [Fact]
    public async Task A_topic_that_may_not_be_written_is_a_typed_error_that_names_it()
    {
        await using var rocketmq = await StartAsync();

        var error = await Assert.ThrowsAnyAsync<RocketMQException>(() => rocketmq.Producer.SendAsync(new Message(Denied, "1000"u8.ToArray())));

        Assert.Contains(Denied, error.Message, StringComparison.Ordinal);
        Assert.Equal(ResponseCodes.NoPermission, Assert.IsType<BrokerResponseException>(Innermost(error)).ResponseCode);
        await rocketmq.SendAsync(1);
    }

    [Fact]
    public async Task A_check_names_the_topic_and_finds_the_others_well()
    {
        await using var rocketmq = await StartAsync();
        using var host = BuiltSilo.Build(
            silo => silo.AddConsumer<ScriptedListener>(rocketmq.MyGroup, consumer => consumer.Subscribe(TestRocketMQ.Topic).Subscribe(Denied)),
            [
                new("RocketMQ:NameServer", rocketmq.Embedded.NameServerAddress),
                new("RocketMQ:RequestTimeout", PatientClients.RequestTimeout.ToString()),
            ]);

        var findings = await host.Services.GetRequiredService<IRocketMQConnectivity>().CheckAsync();

        var failed = Assert.Single(findings, finding => !finding.IsOk);
        Assert.Equal(ConnectivitySubject.Access, failed.Subject);
        Assert.Contains($"does not let group {rocketmq.MyGroup} read topic {Denied}", failed.Text, StringComparison.Ordinal);
        Assert.Single(findings, finding => finding is { IsOk: true, Subject: ConnectivitySubject.Access });
    }

    private static async Task<TestRocketMQ> StartAsync()
    {
        var rocketmq = await TestRocketMQ.StartAsync(queues: 2);
        rocketmq.Embedded.CreateTopic(Denied, 2);
        rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.NoPermission, Remark) with
        {
            Servers = FaultServers.Brokers,
            // A heartbeat is refused as a whole for one topic that it names.
            When = target => (target.Request["topic"] ?? target.Request["b"]) == Denied
                || (target.Request.Code == RequestCodes.HeartBeat && Encoding.UTF8.GetString(target.Request.Body.Span).Contains($"\"{Denied}\"", StringComparison.Ordinal)),
        });
        return rocketmq;
    }

    private static Exception Innermost(Exception exception) => exception is BrokerResponseException || exception.InnerException is null ? exception : Innermost(exception.InnerException);

    private static string[] Complaints(TestCluster cluster, TestRocketMQ rocketmq)
        => [.. cluster.StatusOf(rocketmq.MyGroup).SelectMany(status => status.Queues).Where(queue => queue.Queue.Topic == Denied).Select(queue => queue.LastError)];
}
