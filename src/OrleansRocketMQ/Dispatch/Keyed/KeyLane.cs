using Orleans.Runtime;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Dispatch.Keyed;

/// <summary>What a lane does.</summary>
internal enum LaneState
{
    /// <summary>It has no messages.</summary>
    Idle,

    /// <summary>It stands in line with messages.</summary>
    Ready,

    /// <summary>A listener has its first messages.</summary>
    Running,

    /// <summary>Its first message failed and waits for another attempt; all behind it wait with it.</summary>
    Blocked,
}

/// <summary>
/// The messages of one key of one queue, first in first out; or some without a key, whose order does not matter. Belongs
/// to a <see cref="KeyLanes"/>, which guards it.
/// </summary>
internal sealed class KeyLane
{
    private const int LeastRoom = 4;
    private const int MostRoomKept = 64;

    // A ring; its length is a power of two.
    private Place[] _places = new Place[LeastRoom];
    private int _head;

    public KeyLane() => Node = new(this);

    /// <summary>The key; null for messages without one.</summary>
    public string? Key { get; private set; }

    public LaneState State { get; set; }

    /// <summary>Messages that are not done.</summary>
    public int Count { get; private set; }

    /// <summary>How many of them, from the first on, a listener has.</summary>
    public int Running { get; set; }

    /// <summary>How often the first message has failed here.</summary>
    public int Failures { get; set; }

    /// <summary>Why it failed last.</summary>
    public string? Error { get; set; }

    /// <summary>The key's grain, once it has been called.</summary>
    public IListenerRunner? Listener { get; set; }

    /// <summary>The activation of the key's grain that answered last; default: not known.</summary>
    public ActivationId Activation { get; set; }

    /// <summary>Whether the key's grain was about to leave its silo when it was last called.</summary>
    public bool AsksFirst { get; set; }

    /// <summary>Its place in the list of idle or of blocked lanes.</summary>
    public LinkedListNode<KeyLane> Node { get; }

    public MessageExt First => _places[_head].Message;

    /// <summary>Makes the lane one of another key.</summary>
    public void Rename(string? key)
    {
        Key = key;
        (Listener, Activation, AsksFirst) = (null, default, false);
    }

    public void Add(ProcessQueue window, long place, MessageExt message)
    {
        if (Count == _places.Length)
        {
            Resize(_places.Length * 2);
        }

        _places[(_head + Count++) & (_places.Length - 1)] = new(window, place, message);
    }

    /// <summary>The first messages, as many as go to a listener together: at most that many, an unreadable one alone.</summary>
    public MessageExt[] Peek(int most, long mostBytes = long.MaxValue)
    {
        var count = 1;
        var bytes = CallSize.Of(First);
        while (count < Math.Min(most, Count)
            && First.BodyError is null
            && At(count).Message.BodyError is null
            && (bytes += CallSize.Of(At(count).Message)) <= mostBytes)
        {
            count++;
        }

        var messages = new MessageExt[count];
        for (var index = 0; index < count; index++)
        {
            messages[index] = At(index).Message;
        }

        return messages;
    }

    /// <summary>Marks the first messages as done.</summary>
    /// <param name="messages">The same messages.</param>
    public void Complete(ArraySegment<MessageExt> messages)
    {
        var done = 0;
        while (done < messages.Count)
        {
            // Neighbours in the window are one step.
            var first = At(done);
            var count = 1;
            while (done + count < messages.Count && At(done + count).IsBehind(first, count))
            {
                count++;
            }

            first.Window.Complete(first.Number, messages.AsSpan(done, count));
            done += count;
        }

        Drop(done);
        Running -= done;
    }

    /// <summary>Moves the first messages to another lane.</summary>
    public void MoveTo(KeyLane other, int count)
    {
        for (var index = 0; index < count; index++)
        {
            var place = At(index);
            other.Add(place.Window, place.Number, place.Message);
        }

        Drop(count);
    }

    /// <summary>Takes out all messages no listener has, in order.</summary>
    public ProcessQueueRange[] TakeWaiting()
    {
        var waiting = new ProcessQueueRange[Count - Running];
        for (var index = 0; index < waiting.Length; index++)
        {
            var place = At(Running + index);
            waiting[index] = new(place.Window, place.Number, new[] { place.Message });
            At(Running + index) = default;
        }

        Count = Running;
        return waiting;
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

    private ref Place At(int index) => ref _places[(_head + index) & (_places.Length - 1)];

    private void Drop(int count)
    {
        for (var index = 0; index < count; index++)
        {
            At(index) = default;
        }

        _head = (_head + count) & (_places.Length - 1);
        Count -= count;
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

    private readonly record struct Place(ProcessQueue Window, long Number, MessageExt Message)
    {
        public bool IsBehind(in Place other, int distance) => ReferenceEquals(Window, other.Window) && Number == other.Number + distance;
    }
}
