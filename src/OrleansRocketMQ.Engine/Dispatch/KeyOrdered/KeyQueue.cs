using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>What a lane does.</summary>
internal enum KeyQueueState
{
    /// <summary>It has no messages.</summary>
    Idle,

    /// <summary>It has messages that wait for more; see <see cref="GatheringLanes"/>.</summary>
    Gathering,

    /// <summary>It stands in line with messages.</summary>
    Ready,

    /// <summary>A listener has its first messages.</summary>
    Running,

    /// <summary>Its first message failed and waits for another attempt; all behind it wait with it.</summary>
    Blocked,
}

/// <summary>
/// The messages of one key of one queue, first in first out; or some without a key, whose order does not matter. Belongs
/// to a <see cref="KeyQueues"/>, which guards it.
/// </summary>
internal sealed class KeyQueue
{
    private const int LeastRoom = 4;
    private const int MostRoomKept = 64;
    private const int MostSlotsOnStack = 128;

    // A ring; its length is a power of two.
    private Place[] _places = new Place[LeastRoom];
    private int _head;

    // The bytes of all bodies in it, kept along: to add them up for each message that comes would be quadratic.
    private long _bodies;

    public KeyQueue() => Node = new(this);

    /// <summary>The key; null for messages without one.</summary>
    public string? Key { get; private set; }

    public KeyQueueState State { get; set; }

    /// <summary>Messages that are not done.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them, from the first on, are leased.</summary>
    public int Running { get; set; }

    /// <summary>How often it has been taken.</summary>
    public long Turn { get; set; }

    /// <summary>How often the first message has failed here.</summary>
    public int Failures { get; set; }

    /// <summary>When it failed first, of what <see cref="Failures"/> counts; null when it had failed before it came here.</summary>
    public DateTimeOffset? FirstFailed { get; set; }

    /// <summary>Why it failed last.</summary>
    public string? Error { get; set; }

    /// <summary>The key's grain, once it has been called.</summary>
    public IListener? Listener { get; set; }

    /// <summary>Whether the key's grain was about to leave its silo when it was last called.</summary>
    public bool AsksFirst { get; set; }

    /// <summary>The call to the key's grain that had not ended in its time; null when there was none.</summary>
    public Task? Stuck { get; set; }

    /// <summary>Its place in the list of idle or of blocked lanes.</summary>
    public LinkedListNode<KeyQueue> Node { get; }

    /// <summary>Its place among those that gather.</summary>
    public GatheringLanes.Waiting Gathers { get; set; }

    public MessageExt First => _places[_head].Message;

    /// <summary>When the first message came, as a time stamp of the clock, where batches gather.</summary>
    public long FirstArrived => _places[_head].Arrived;

    /// <summary>Makes the lane one of another key.</summary>
    public void Rename(string? key)
    {
        Key = key;
        (Listener, AsksFirst, Stuck) = (null, false, null);
    }

    /// <summary>Adds a message.</summary>
    public void Add(ProcessQueue window, long slot, MessageExt message, long arrived)
    {
        if (Count == _places.Length)
        {
            Resize(_places.Length * 2);
        }

        _places[(_head + Count++) & (_places.Length - 1)] = new(window, slot, message, arrived);
        _bodies += message.BodyLength;
    }

    /// <summary>Whether its messages are a batch: there are enough of them, or enough bytes, or one that goes alone.</summary>
    public bool HasBatch(BatchRule rule) => Count >= rule.Messages
        || _bodies >= rule.Bytes
        || First.BodyError is not null
        || At(Count - 1).Message.BodyError is not null;

    /// <summary>
    /// Leases the first messages, as many as go to a listener together: at most that many, an unreadable one alone, and no
    /// more than may be handed out now.
    /// </summary>
    /// <returns>How many; none when none may.</returns>
    public int Lease(int most, long mostBytes, long mostOfBodies)
    {
        var count = 1;
        var bytes = CallSize.Of(First);
        var left = mostOfBodies - First.BodyLength;
        while (count < Math.Min(most, Count)
            && First.BodyError is null
            && At(count).Message.BodyError is null
            && (bytes += CallSize.Of(At(count).Message)) <= mostBytes
            && (left -= At(count).Message.BodyLength) >= 0)
        {
            count++;
        }

        Running = Window.LeaseAside(SlotsOf(count, stackalloc long[MostSlotsOnStack]));
        return Running;
    }

    /// <summary>The messages that are leased.</summary>
    public MessageExt[] Leased()
    {
        var messages = new MessageExt[Running];
        for (var index = 0; index < messages.Length; index++)
        {
            messages[index] = At(index).Message;
        }

        return messages;
    }

    /// <summary>The first messages, which are leased, are done.</summary>
    public void Complete(int count)
    {
        Window.Complete(SlotsOf(count, stackalloc long[MostSlotsOnStack]));
        Drop(count);
        Running -= count;
    }

    /// <summary>
    /// Ends the leases of those messages that are not done; they are the lane's again. When the queue has begun anew somewhere
    /// else meanwhile the lane knows them no more.
    /// </summary>
    /// <returns>Whether the first message is still the one that was leased.</returns>
    public bool EndLeases()
    {
        var count = Running;
        Running = 0;
        if (count == 0)
        {
            return false;
        }

        if (Window.SetAside(SlotsOf(count, stackalloc long[MostSlotsOnStack])))
        {
            return true;
        }

        Drop(count);
        return false;
    }

    /// <summary>Moves the first messages to another lane.</summary>
    public void MoveTo(KeyQueue other, int count)
    {
        for (var index = 0; index < count; index++)
        {
            var place = At(index);
            other.Add(place.Window, place.Slot, place.Message, place.Arrived);
        }

        Drop(count);
    }

    /// <summary>Forgets all messages that are not leased; the window knows what becomes of them.</summary>
    public void Forget()
    {
        Clear(Running, Count - Running);
        Count = Running;
    }

    /// <summary>Gives memory back that a burst of messages has left behind.</summary>
    public void Trim()
    {
        if (Count == 0 && _places.Length > MostRoomKept)
        {
            _places = new Place[LeastRoom];
            _head = 0;
        }
    }

    // Messages of another window come only behind leased ones, and these are leased together.
    private ProcessQueue Window => _places[_head].Window;

    private ReadOnlySpan<long> SlotsOf(int count, Span<long> room)
    {
        var slots = count <= room.Length ? room[..count] : new long[count];
        for (var index = 0; index < count; index++)
        {
            slots[index] = At(index).Slot;
        }

        return slots;
    }

    private ref Place At(int index) => ref _places[(_head + index) & (_places.Length - 1)];

    private void Drop(int count)
    {
        Clear(0, count);
        _head = (_head + count) & (_places.Length - 1);
        Count -= count;
    }

    private void Clear(int from, int count)
    {
        for (var index = from; index < from + count; index++)
        {
            _bodies -= At(index).Message.BodyLength;
            At(index) = default;
        }
    }

    private void Resize(int length)
    {
        var larger = new Place[length];
        for (var index = 0; index < Count; index++)
        {
            larger[index] = At(index);
        }

        _places = larger;
        _head = 0;
    }

    private readonly record struct Place(ProcessQueue Window, long Slot, MessageExt Message, long Arrived);
}
