using System.Text;

namespace OrleansRocketMQ;

/// <summary>What a broker tells of a message that waits for its time, and takes to recall it. Mirrors <c>RecallMessageHandle</c>.</summary>
/// <param name="Topic">The topic it is to come in, as on the wire.</param>
/// <param name="BrokerName">The broker set it waits at.</param>
/// <param name="Due">When it comes, in milliseconds since 1970, as the broker wrote it.</param>
/// <param name="MessageId">The id the producer gave it.</param>
internal sealed record RecallHandle(string Topic, string BrokerName, string Due, string MessageId)
{
    private const string Version = "v1";

    /// <exception cref="RocketMQValidationException">It is not what a broker tells.</exception>
    public static RecallHandle Parse(string text)
    {
        string[] parts;
        try
        {
            parts = Encoding.UTF8.GetString(Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/'))).Split(' ');
        }
        catch (FormatException)
        {
            throw Bad(text);
        }

        return parts is [Version, var topic, var broker, var due, var messageId, ..] ? new(topic, broker, due, messageId) : throw Bad(text);
    }

    /// <summary>As it is told.</summary>
    public override string ToString()
    {
        var parts = Encoding.UTF8.GetBytes(string.Join(' ', Version, Topic, BrokerName, Due, MessageId));
        return Convert.ToBase64String(parts).Replace('+', '-').Replace('/', '_');
    }

    private static RocketMQValidationException Bad(string text) => new("Recall handle", text, "the RecallHandle of a SendResult");
}
