using System.Text;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>A request from a template is, byte for byte, the one that is written as a whole.</summary>
public class RequestTemplateTests
{
    private static readonly string[] Numbers = ["queueOffset", "sysFlag", "commitOffset"];

    [Fact]
    public void Any_request_with_other_numbers_is_the_one_written_as_a_whole_signed_or_not() => Generators.ForAll(
        from code in Generators.Int32
        from fields in Generators.Fields
        from places in Gen.Choose(0, 1 << 30)
        from first in Generators.Int64.ArrayOf(3)
        from then in Generators.Int64.ArrayOf(3)
        from opaque in Gen.Choose(1, int.MaxValue)
        from secret in Gen.Elements(null, "s3cr3t")
        select (code, fields, places, first, then, opaque, secret),
        any =>
        {
            RemotingCommand Whole(long[] numbers) => RequestOf(any.code, any.fields, any.places, numbers, any.secret);
            var template = RequestTemplate.Of(Whole(any.first), Numbers, any.secret);
            var expected = Whole(any.then);
            expected.Opaque = any.opaque;
            var output = new byte[template!.LongestFrame];
            var length = template.Write(output, any.then, any.opaque);
            return output.AsSpan(0, length).SequenceEqual(Frames.Encode(expected));
        });

    [Theory]
    [InlineData(false, null, null)]
    [InlineData(true, null, null)]
    [InlineData(true, "tenant", null)]
    [InlineData(false, null, "tenant")]
    [InlineData(true, null, "tenant")]
    public async Task Pulls_of_a_queue_arrive_as_each_of_them_would_written_as_a_whole(bool signed, string? v1, string? v2)
    {
        await using var peer = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.PullNotFound)
            .Set("nextBeginOffset", 1).Set("minOffset", 0).Set("maxOffset", 0));
        var options = new RemotingOptions { Credentials = signed ? new("access", "secret", "token") : null, Namespace = v1, NamespaceV2 = v2 };
        await using var remoting = new RemotingClient(options, TimeProvider.System, NullLogger.Instance);
        var brokers = new BrokerClient(remoting);
        var sent = new List<RemotingCommand>();
        foreach (var request in Pulls())
        {
            await brokers.PullAsync(peer.Address, request).InTime();
            var whole = BrokerClient.CommandOf(in request);
            remoting.Prepare(whole);
            sent.Add(whole);
        }

        foreach (var (whole, received) in sent.Zip(peer.Received))
        {
            whole.Opaque = received.Opaque;
            Assert.Equal(Text(whole), Text(received));
        }

        Assert.Equal(sent.Count, peer.Received.Count);
    }

    [Fact]
    public void What_is_not_like_the_last_pull_is_written_as_a_whole_and_so_is_what_is_very_long_or_binary()
    {
        var remoting = new RemotingClient(new RemotingOptions(), TimeProvider.System, NullLogger.Instance);
        var queue = new PulledQueue();
        var pull = new PullRequest("g", new("T", "b", 0), 5);
        Assert.Null(queue.TemplateOf(in pull, remoting));
        var next = pull with { Offset = 6, CommitOffset = 5, MaxMessages = 1, MaxBytes = 2, ToSlave = true };
        Assert.NotNull(queue.TemplateOf(in next, remoting));
        foreach (var other in new[] { pull with { SubVersion = 9 }, pull with { ConsumerGroup = "h" }, pull with { Expression = "a || b" }, pull with { SuspendTimeout = TimeSpan.Zero }, pull with { LitePull = true } })
        {
            Assert.Null(queue.TemplateOf(in other, remoting));
            Assert.NotNull(queue.TemplateOf(in other, remoting));
        }

        var long1 = pull with { Expression = new string('x', 5_000) };
        Assert.Null(queue.TemplateOf(in long1, remoting));
        Assert.Null(queue.TemplateOf(in long1, remoting));

        var binary = new RemotingClient(new RemotingOptions { SerializeType = SerializeType.RocketMQ }, TimeProvider.System, NullLogger.Instance);
        var other2 = new PulledQueue();
        Assert.Null(other2.TemplateOf(in pull, binary));
        Assert.Null(other2.TemplateOf(in pull, binary));
    }

    private static IEnumerable<PullRequest> Pulls()
    {
        var queue = new MessageQueue("T \"é\" 消息", "b", 3);
        var pull = new PullRequest("%RETRY%g", queue, 0);
        for (var n = 0L; n < 4; n++)
        {
            yield return pull with { Offset = n * 1_000_000_007, CommitOffset = n * n * n, MaxMessages = (int)n + 1, ToSlave = n == 3 };
        }

        for (var n = 0L; n < 4; n++)
        {
            yield return pull with { Offset = long.MaxValue - n, SubVersion = 7, Expression = "a > 1", ExpressionType = "SQL92", LitePull = n < 2 };
        }
    }

    private static RemotingCommand RequestOf(int code, IReadOnlyDictionary<string, string> fields, int places, long[] numbers, string? secret)
    {
        var request = RemotingCommand.Request(code);
        var (left, place) = (0, places);
        foreach (var (name, value) in fields.Where(field => !Numbers.Contains(field.Key) && field.Key is not ("AccessKey" or "SecurityToken" or "Signature")))
        {
            while (left < Numbers.Length && (place & 1) == 1)
            {
                request.Set(Numbers[left], numbers[left++]);
                place >>= 1;
            }

            place >>= 1;
            request.Set(name, value);
        }

        while (left < Numbers.Length)
        {
            request.Set(Numbers[left], numbers[left++]);
        }

        if (secret is not null)
        {
            AclSigner.Sign(request, new AclCredentials("me", secret));
        }

        return request;
    }

    private static string Text(RemotingCommand command) => Encoding.UTF8.GetString(Frames.Encode(command));
}
