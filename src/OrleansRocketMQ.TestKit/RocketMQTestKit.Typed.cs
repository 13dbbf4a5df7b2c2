using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.TestKit;

/// <summary>Values instead of bytes, and why messages were given up.</summary>
public sealed partial class RocketMQTestKit
{
    /// <summary>Sends a value as JSON; with a sharding key to the queue of that key, otherwise to the next queue.</summary>
    /// <typeparam name="T">The type to write it as.</typeparam>
    /// <param name="topic">Where it goes; made by the first message when nobody subscribes to it.</param>
    /// <param name="value">The value.</param>
    /// <param name="tag">The tag consumers may select by, and tell types apart.</param>
    /// <param name="key">A key it can be looked up by.</param>
    /// <param name="shardingKey">Messages with the same one go to the same queue, in the order they were sent.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQException">It could not be sent; see <see cref="Producing.Producer"/>.</exception>
#pragma warning disable RS0026 // A text is a body as it is; everything else is a value.
    public Task<SendResult> SendAsync<T>(
#pragma warning restore RS0026
        string topic,
        T value,
        string? tag = null,
        string? key = null,
        string? shardingKey = null,
        CancellationToken cancellationToken = default)
        => Producer.SendAsync(topic, value, tag, key, shardingKey, cancellationToken);

    /// <summary>
    /// Waits until somebody, such as the listener under test, has sent values to a topic. Copies of a message that was sent more
    /// than once under the same id count once; messages whose body is no such value are passed over.
    /// </summary>
    /// <typeparam name="T">The values' type, read as JSON.</typeparam>
    /// <param name="topic">The topic.</param>
    /// <param name="count">How many values there must be.</param>
    /// <param name="predicate">Which values count; null means all.</param>
    /// <param name="deadline">How long to wait; null means <see cref="RocketMQTestKitOptions.Deadline"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>All that there are, in the order of each queue.</returns>
    /// <exception cref="TimeoutException">There were too few in time; the message says how many.</exception>
    public async Task<IReadOnlyList<Message<T>>> UntilSentAsync<T>(
        string topic,
        int count = 1,
        Func<T, bool>? predicate = null,
        TimeSpan? deadline = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        IReadOnlyList<Message<T>> sent = [];
        await UntilNothingIsMissingAsync(
            () => (sent = Values(topic, predicate)).Count >= count ? [] : [$"{sent.Count} of {count}"],
            _ => $"There were {sent.Count} of {count} values of {typeof(T).Name} in topic '{topic}'{Within(deadline)}.",
            deadline,
            cancellationToken);
        return sent;
    }

    /// <summary>
    /// As <see cref="DeadLetters"/>, with the reason that was told with each: by the library, of a message that could not be
    /// read, or by the listener.
    /// </summary>
    /// <param name="group">The group.</param>
    public IReadOnlyList<KitDeadLetter> DeadLettersWithReasons(string group)
        => [.. DeadLetters(group).Select(letter => new KitDeadLetter(letter, letter.GetProperty(MessageProperties.DeadLetterReason)))];

    private IReadOnlyList<Message<T>> Values<T>(string topic, Func<T, bool>? predicate)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        return
        [
            .. from message in Embedded.Brokers.SelectMany(broker => broker.Messages(topic))
               let value = ValueOf<T>(message)
               where value is not null && predicate?.Invoke(value) is not false && ids.Add(message.MessageId)
               select new Message<T>(value, message),
        ];
    }

    private T? ValueOf<T>(MessageExt message)
    {
        try
        {
            return Producer.Options.Serializer.Deserialize<T>(message.Body);
        }
        catch (System.Text.Json.JsonException)
        {
            return default;
        }
    }
}

/// <summary>A message that a group has given up. Immutable.</summary>
/// <param name="Message">The message, with its body.</param>
/// <param name="Reason">Why, when it was told: see <see cref="MessageProperties.DeadLetterReason"/>; else null.</param>
public sealed record KitDeadLetter(MessageExt Message, string? Reason);
