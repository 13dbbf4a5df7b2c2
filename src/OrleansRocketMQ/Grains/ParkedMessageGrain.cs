using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.DeadLetters;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Parking;

/// <inheritdoc cref="IParkedMessageGrain"/>
// Reentrant, so that queues can park while many messages are sent again: whatever changes the list does so in one go,
// and nothing found in it is relied on after waiting.
[Reentrant]
[GrainDirectory(QueueDirectory.Name)]
[OnSiloOfGroupPlacement]
internal sealed partial class ParkedMessageGrain(
    RocketMQConsumers consumers,
    [PersistentState("parked", StateStorage.ProviderName)] IPersistentState<ParkedMessageState> state,
    TimeProvider time,
    ILogger<ParkedMessageGrain> logger) : Grain, IParkedMessageGrain, IParkingGrain
{
    /// <summary>All are in one record of the storage. What finds no room stays in its queue.</summary>
    public const int Most = 10_000;

    private const int FailuresTold = 100;

    private static readonly TimeSpan StorageTimeout = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _writing = new(1);
    private long _changes;
    private long _stored;

    private List<ParkedMessage> Messages => state.State.Messages;

    private string Group => this.GetPrimaryKeyString();

    public async Task ParkAsync(ParkedMessage message)
    {
        if (!Messages.Exists(known => IsSame(known, message)))
        {
            if (Messages.Count >= Most)
            {
                throw new RocketMQException(
                    RocketMQErrorCode.State,
                    $"Group '{Group}' has {Most} parked messages, the most there may be. Send them again or drop them.");
            }

            message = message with { Number = ++state.State.LastNumber };
            Messages.Add(message);
        }

        try
        {
            await SaveAsync();
        }
        catch
        {
            // It stays in its queue, so it must not be found here with a later write either.
            Messages.RemoveAll(known => IsSame(known, message));
            throw;
        }
    }

    public Task<ParkedMessagePage> ListAsync(long from = 0, int limit = 32)
    {
        if (limit is < 1 or > 1000)
        {
            throw new RocketMQValidationException("Limit", limit, "1 to 1000");
        }

        var found = Messages.Where(message => message.Number >= from).Take(limit + 1).ToArray();
        return Task.FromResult(found.Length > limit
            ? new ParkedMessagePage(found[..limit], found[limit].Number, Messages.Count)
            : new ParkedMessagePage(found, null, Messages.Count));
    }

    public async Task<MessageExt?> PeekAsync(long number)
        => Messages.Find(message => message.Number == number) is { } parked
            ? await ReaderOf("read a parked message").ReadAsync(parked, CancellationToken.None)
            : null;

    public async Task<ParkedMessageResend> ResendAsync(long? number, string requestedBy)
    {
        var reader = ReaderOf("send parked messages again");
        var sender = new StoredMessageSender(reader.Client);
        var failures = new Dictionary<long, string>();
        var sent = 0;
        foreach (var parked in Messages.Where(message => message.Number == (number ?? message.Number)).ToArray())
        {
            try
            {
                var message = await reader.ReadAsync(parked, CancellationToken.None)
                    ?? throw new RocketMQException(
                        RocketMQErrorCode.State,
                        $"{parked.Queue} has no message {parked.MessageId} at offset {parked.Offset} any more.");
                await sender.SendAsync(DeadLetterRepublisher.Of(message, reader.Client.Names, time), CancellationToken.None);
                await RemoveAsync([parked]);
                sent++;
            }
            catch (Exception exception)
            {
                // One that cannot be sent holds up none of the others.
                Log.NotResent(logger, parked.MessageId, Group, exception);
                if (failures.Count < FailuresTold)
                {
                    failures.Add(parked.Number, exception.Message);
                }
            }
        }

        Log.Resent(logger, requestedBy, sent, Group, failures.Count);
        return new ParkedMessageResend(sent, failures);
    }

    public async Task<int> DropAsync(long? number, string requestedBy)
    {
        var dropped = Messages.Where(message => message.Number == (number ?? message.Number)).ToArray();
        await RemoveAsync(dropped);
        Log.Dropped(logger, requestedBy, dropped.Length, Group, string.Join(", ", dropped.Select(message => message.MessageId)));
        return dropped.Length;
    }

    private static bool IsSame(ParkedMessage one, ParkedMessage other)
        => one.Offset == other.Offset && one.Queue == other.Queue && one.MessageId == other.MessageId;

    private ParkedMessageReader ReaderOf(string operation)
        => new(consumers.ClientOf(Group, operation), Group, GrainFactory);

    private async Task RemoveAsync(ParkedMessage[] messages)
    {
        if (messages.Length > 0)
        {
            var gone = messages.Select(message => message.Number).ToHashSet();
            Messages.RemoveAll(message => gone.Contains(message.Number));
            await SaveAsync();
        }
    }

    /// <summary>Stores what has changed, also for those that wait for the write before: storages allow one at a time.</summary>
    private async Task SaveAsync()
    {
        var change = ++_changes;
        await _writing.WaitAsync();
        try
        {
            if (_stored < change)
            {
                var last = _changes;
                await StorageTime.LimitAsync(state.WriteStateAsync, StorageTimeout, SiloRuntime.Of(time), CancellationToken.None);
                _stored = last;
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            361,
            LogLevel.Information,
            "{RequestedBy} had {Count} parked messages of group {Group} sent again; {Failed} could not be sent")]
        public static partial void Resent(ILogger logger, string requestedBy, int count, string group, int failed);

        [LoggerMessage(362, LogLevel.Warning, "Parked message {MessageId} of group {Group} could not be sent again and stays parked")]
        public static partial void NotResent(ILogger logger, string messageId, string group, Exception exception);

        [LoggerMessage(363, LogLevel.Warning, "{RequestedBy} dropped {Count} parked messages of group {Group}: {MessageIds}")]
        public static partial void Dropped(ILogger logger, string requestedBy, int count, string group, string messageIds);
    }
}
