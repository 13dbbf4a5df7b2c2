using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Protocol;

public class TolerantJsonTests
{
    [Fact]
    public void Standard_JSON_passes_unchanged() => Generators.ForAll(Json(3), json => Normal(json) == json);

    [Fact]
    public void Bare_numbers_as_keys_are_put_into_quotes_wherever_they_stand() => Generators.ForAll(
        from value in Json(2)
        from key in Generators.Int64
        select (value, key),
        given => Same("{\"t\":[{" + given.key + ":" + given.value + "}]}", "{\"t\":[{\"" + given.key + "\":" + given.value + "}]}"));

    [Fact]
    public void Objects_as_keys_become_their_own_text() => Generators.ForAll(
        from key in Generators.Text
        from value in Generators.Int64
        select (key, value),
        given =>
        {
            var inner = JsonSerializer.Serialize(new Dictionary<string, string> { ["topic"] = given.key });
            using var json = JsonDocument.Parse(Normal("{\"offsetTable\":{" + inner + ":" + given.value + ",{\"queueId\":2}:3}}"));
            return json.RootElement.GetProperty("offsetTable").GetProperty(inner).GetInt64() == given.value
                && json.RootElement.GetProperty("offsetTable").EnumerateObject().Count() == 2;
        });

    [Fact]
    public void Any_text_is_normalised_or_a_JSON_error() => Generators.ForAll(Generators.Text, text =>
    {
        try
        {
            Normal("{" + text);
            Normal(text);
        }
        catch (JsonException)
        {
        }

        return true;
    });

    [Fact]
    public void An_old_name_servers_route_is_read()
    {
        var route = TolerantJson.Read(
            """{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:10911"},"brokerName":"b","cluster":"c"}],"filterServerTable":{},"queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":8,"topicSynFlag":0,"writeQueueNums":8}]}"""u8,
            ProtocolJson.Default.TopicRouteData);
        Assert.Equal("10.0.0.2:10911", route.BrokerDatas[0].BrokerAddrs[1]);
        Assert.Equal(8, route.QueueDatas[0].ReadQueueNums);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{0:")]
    public void What_is_no_such_body_is_a_message_format_error(string body)
        => Assert.Throws<MessageFormatException>(() => TolerantJson.Read(Encoding.UTF8.GetBytes(body), ProtocolJson.Default.TopicRouteData));

    [Fact]
    public void Nesting_without_end_is_an_error_not_a_stack_overflow()
        => Assert.Throws<JsonException>(() => Normal(string.Concat(Enumerable.Repeat("{1:", 100_000))));

    private static bool Same(string left, string right)
    {
        using var leftJson = JsonDocument.Parse(Normal(left));
        using var rightJson = JsonDocument.Parse(right);
        return JsonElement.DeepEquals(leftJson.RootElement, rightJson.RootElement);
    }

    private static string Normal(string json) => Encoding.UTF8.GetString(TolerantJson.Normalize(Encoding.UTF8.GetBytes(json)));

    private static Gen<string> Json(int depth)
    {
        var plain = Gen.OneOf(
            Generators.Text.Select(text => JsonSerializer.Serialize(text)),
            Generators.Int64.Select(number => JsonSerializer.Serialize(number)),
            Gen.Elements("true", "false", "null", "1.5e3", "{}", "[]", " [ 1 , 2 ] "));
        return depth == 0
            ? plain
            : Gen.OneOf(
                plain,
                Json(depth - 1).ListOf().Select(items => $"[{string.Join(",", items)}]"),
                (from name in Generators.Text from value in Json(depth - 1) select $"{JsonSerializer.Serialize(name)}:{value}").ListOf().Select(pairs => $"{{ {string.Join(" ,\n", pairs)}}}"));
    }
}
