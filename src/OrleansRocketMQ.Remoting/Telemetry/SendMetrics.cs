using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace OrleansRocketMQ.Telemetry;

/// <summary>
/// What a producer tells of its sends, in the meter of the process: producers belong to no silo. Costs the question whether
/// somebody listens, when nobody does. Thread-safe.
/// </summary>
/// <param name="tell">Tells of a listener of the meter that failed.</param>
internal sealed class SendMetrics(Action<Instrument, Exception> tell)
{
    public const string SentMessages = "messaging.client.sent.messages";

    private static readonly Counter<long> Sent = RocketMQTelemetry.Meter.CreateCounter<long>(
        SentMessages, "{message}", "Messages producers sent; with error.type those they could not send.");

    private static readonly Histogram<double> Duration = OperationDuration.In(RocketMQTelemetry.Meter);

    private readonly Measurements _measurements = new(tell);
    private readonly ConcurrentDictionary<(string Topic, string? Server), Tags> _tags = new();

    /// <summary>Whether anybody wants to know; asked first.</summary>
    public static bool AreWanted => Sent.Enabled || Duration.Enabled;

    /// <summary>A send has ended.</summary>
    /// <param name="topic">The messages' topic.</param>
    /// <param name="count">How many they are.</param>
    /// <param name="took">The time of all attempts.</param>
    /// <param name="server">The broker; null when none was chosen.</param>
    /// <param name="error">Why they could not be sent; null when they were.</param>
    public void Note(string topic, int count, TimeSpan took, string? server, Exception? error)
    {
        // Kept for topics that exist only: each has few brokers.
        var tags = error is null ? _tags.GetOrAdd((topic, server), static key => new(key.Topic, key.Server)) : new(topic, server);
        _measurements.Add(Sent, count, With(tags.OfSent, error));
        _measurements.Record(Duration, took.TotalSeconds, With(tags.OfDuration, error));
    }

    private static KeyValuePair<string, object?>[] With(KeyValuePair<string, object?>[] tags, Exception? error)
        => error is null ? tags : [.. tags, new(MessagingAttributes.ErrorType, MessagingAttributes.TypeOf(error))];

    private sealed class Tags
    {
        public Tags(string topic, string? server)
        {
            OfSent =
            [
                new(MessagingAttributes.System, MessagingAttributes.RocketMQ),
                new(MessagingAttributes.OperationName, MessagingAttributes.Send),
                new(MessagingAttributes.Destination, topic),
                .. OperationDuration.TagsOf(server),
            ];
            OfDuration = [.. OfSent, new(MessagingAttributes.OperationType, MessagingAttributes.Send)];
        }

        public KeyValuePair<string, object?>[] OfSent { get; }

        public KeyValuePair<string, object?>[] OfDuration { get; }
    }
}
