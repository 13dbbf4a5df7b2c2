using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Tests.Support;

internal static class Answers
{
    public static IReadOnlyList<MessageExt> Messages(this RemotingCommand response) => MessageDecoder.DecodeAll(response.Body, "broker-a");

    public static string[] Bodies(this RemotingCommand response) => [.. response.Messages().Select(message => message.Text())];

    public static string Text(this MessageExt message) => Encoding.UTF8.GetString(message.Body.Span);

    public static string BodyText(this RemotingCommand response) => Encoding.UTF8.GetString(response.Body.Span);

    public static JsonElement Json(this RemotingCommand response)
        => JsonDocument.Parse(TolerantJson.Normalize(response.Body.Span).ToArray()).RootElement;

    public static RemotingCommand Succeeded(this RemotingCommand response)
    {
        Assert.True(response.Code == ResponseCodes.Success, $"{ResponseCodes.NameOf(response.Code)}: {response.Remark}");
        return response;
    }

    public static RemotingCommand FailedWith(this RemotingCommand response, int code)
    {
        Assert.Equal(ResponseCodes.NameOf(code), ResponseCodes.NameOf(response.Code));
        return response;
    }
}
