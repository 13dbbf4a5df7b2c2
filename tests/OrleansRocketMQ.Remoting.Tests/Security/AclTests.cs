using System.Security.Cryptography;
using System.Text;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Security;

public class AclTests
{
    // Those of the recording, see Fixtures/README.md.
    private static readonly AclCredentials Recorded = new("consumerAccess", "s3cr3t-for-fixtures");

    private static IEnumerable<RecordedFrame> SignedFrames => RecordedFrames.All.Where(
        frame => frame.Place.StartsWith("java-5.3.3-acl", StringComparison.Ordinal) && frame.Decode()["Signature"] is not null);

    [Fact]
    public void Every_recorded_signature_of_Java_is_ours()
    {
        Assert.All(SignedFrames, frame =>
        {
            var request = frame.Decode();
            Assert.Equal(request["Signature"], AclSigner.SignatureOf(request, "s3cr3t-for-fixtures"));
        });
        Assert.Contains(SignedFrames, frame => frame.BodyLength > 0);
        Assert.True(SignedFrames.Count() > 20);
    }

    [Fact]
    public void A_signature_is_that_of_a_hash_made_anew_whatever_the_request_and_whoever_signed_before() => Generators.ForAll(
        from command in Generators.Command
        from key in Gen.Elements("a", "b", "s3cr3t", "消息")
        from many in Gen.Choose(0, 60)
        from value in Generators.Text
        select (command, key, many, value),
        signed =>
        {
            var request = signed.command;
            for (var n = 0; n < signed.many; n++)
            {
                request.Set($"more{n}", string.Concat(Enumerable.Repeat(signed.value, n)));
            }

            var values = request.ExtFields.Where(field => field.Key != "Signature").OrderBy(field => field.Key, StringComparer.Ordinal);
            byte[] bytes = [.. Encoding.UTF8.GetBytes(string.Concat(values.Select(field => field.Value))), .. request.Body.Span];
#pragma warning disable CA5350 // The protocol's.
            var anew = HMACSHA1.HashData(Encoding.UTF8.GetBytes(signed.key), bytes);
#pragma warning restore CA5350
            return AclSigner.SignatureOf(request, signed.key) == Convert.ToBase64String(anew);
        });

    [Fact]
    public async Task What_Java_has_sent_leaves_here_with_the_same_fields_and_signature()
    {
        await using var peer = ScriptedPeer.Answering(request => RemotingCommand.Response(request, ResponseCodes.Success));
        await using var remoting = new RemotingClient(new RemotingOptions { Credentials = Recorded }, TimeProvider.System, NullLogger.Instance);
        var frames = SignedFrames.Where(frame => frame.Kind == "request").ToList();

        foreach (var frame in frames)
        {
            var java = frame.Decode();
            var request = RemotingCommand.Request(java.Code, java.Body);
            foreach (var (name, value) in frame.PlainFields)
            {
                request.Set(name, value);
            }

            await remoting.InvokeAsync(peer.Address, request);
        }

        Assert.Equal(frames.Select(frame => Sorted(frame.Decode())), peer.Received.Select(Sorted));
    }

    [Fact]
    public async Task One_way_requests_are_signed_and_a_security_token_is_part_of_it()
    {
        await using var peer = ScriptedPeer.Answering(_ => null);
        await using var remoting = new RemotingClient(
            new RemotingOptions { Credentials = new("access", "secret", "token"), NamespaceV2 = "tenant" }, TimeProvider.System, NullLogger.Instance);

        await remoting.SendOneWayAsync(peer.Address, RemotingCommand.Request(RequestCodes.UpdateConsumerOffset, oneWay: true).Set("topic", "t"));
        await Eventually.Holds(() => !peer.Received.IsEmpty);

        var received = peer.Received.First();
        Assert.Equal(("access", "token", "tenant", "true"), (received["AccessKey"], received["SecurityToken"], received["ns"], received["nsd"]));
        // HMAC-SHA1 of "access" + "token" + "tenant" + "true" + "t", in the order of the fields' names, by another program.
        Assert.Equal("SXyIS8gAOw+sR4L+6QTl7ln00Uc=", received["Signature"]);
    }

    [Fact]
    public void Secrets_are_not_shown_by_anything_that_can_be_printed()
    {
        var options = new RemotingOptions
        {
            Credentials = new("access", "very-secret", "secret-token"),
            Tls = new TlsOptions { ClientKeyPassword = "secret-password" },
        };
        var client = new RocketMQClientOptions { NameServerAddresses = ["a:1"], ClientId = "c", Remoting = options };

        Assert.DoesNotContain("secret", $"{options} {options.Credentials} {options.Tls} {client}", StringComparison.Ordinal);
        Assert.Contains("access", options.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "secret-of-somebody", "AccessKey")]
    [InlineData("access", " ", "SecretKey")]
    public void A_missing_key_is_named_and_the_other_one_not_shown(string accessKey, string secretKey, string field)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => new AclCredentials(accessKey, secretKey));

        Assert.Equal(field, error.Field);
        Assert.DoesNotContain("secret-of-somebody", error.ToString(), StringComparison.Ordinal);
    }

    private static string Sorted(RemotingCommand command)
        => $"{command.Code}: {string.Join(' ', command.ExtFields.OrderBy(field => field.Key, StringComparer.Ordinal))}";
}
