using System.Text;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.KeyOrdered;

/// <summary>
/// Sorts the messages of one queue into lanes, one for each key, and hands out the lanes whose first message may be
/// consumed: each lane to one caller at a time, so that a key's messages stay in order while keys overtake each other.
/// O(1) per message. Not thread-safe.
/// </summary>
/// <remarks>
/// Lanes that are empty are kept for a while, because most keys come again; the one that has been empty for longest is
/// used for a new key once there are many. Messages without a key share nameless lanes, which are split when they are
/// taken, so that nothing waits behind them.
/// </remarks>
/// <param name="keySelector">Tells a message's key; null: its sharding key.</param>
/// <param name="mostIdle">How many empty lanes are kept now; <see cref="MostIdle"/> when nobody says.</param>
/// <param name="rule">When the batches of lanes end; null when they do not gather.</param>
internal sealed class KeyQueues(Func<MessageExt, string?>? keySelector = null, Func<int>? mostIdle = null, BatchRule? rule = null)
{
    /// <summary>Empty lanes that are kept of one queue.</summary>
    public const int MostIdle = 1024;

    /// <summary>And of all queues of a group together, unless that leaves a queue too few.</summary>
    public const int MostIdleTogether = 16 * MostIdle;

    private const int FewestIdle = 16;

    private const int MostInNamelessLane = 64;
    private const int LongestKeyOnStack = 256;

    private readonly Dictionary<string, KeyQueue> _byKey = new(StringComparer.Ordinal);
    private readonly Queue<KeyQueue> _ready = new();
    private readonly LinkedList<KeyQueue> _idle = new();
    private readonly LinkedList<KeyQueue> _blocked = new();
    private readonly HashSet<KeyQueue> _running = [];
    private readonly Stack<KeyQueue> _spare = new();
    private readonly GatheringLanes? _gathering = rule is null ? null : new(rule);
    private KeyQueue? _nameless;

    /// <summary>How many empty lanes each of so many queues keeps.</summary>
    public static int IdleOf(int queues) => Math.Clamp(MostIdleTogether / Math.Max(1, queues), FewestIdle, MostIdle);

    /// <summary>Empty lanes that are kept.</summary>
    public int Idle => _idle.Count + _spare.Count;

    /// <summary>Whether a lane can be taken.</summary>
    public bool HasReady => _ready.Count > 0;

    /// <summary>Messages of the lane that is taken next, 0 when there is none; one that failed does not wait for more.</summary>
    public int Next => _ready.TryPeek(out var lane) ? lane.Failures > 0 ? int.MaxValue : lane.Count : 0;

    /// <summary>Messages listeners have.</summary>
    public int InFlight { get; private set; }

    /// <summary>Lanes that wait for another attempt, the longest waiting first.</summary>
    public IReadOnlyCollection<KeyQueue> Blocked => _blocked;

    /// <summary>When the first lane is due that gathers, as a time stamp of the clock; null when none does.</summary>
    public long? Due => _gathering?.Due;

    /// <summary>Lanes that have gathered for long enough can be taken.</summary>
    /// <param name="isFull">Whether no more will come for those that gather.</param>
    public void TakeInDue(bool isFull)
    {
        while (_gathering?.TakeDue(atOnce: isFull && _ready.Count == 0) is { } lane)
        {
            MakeReady(lane);
        }
    }

    /// <summary>Adds messages in the order of their queue.</summary>
    public void Add(in ProcessQueueRange range)
    {
        var arrived = rule is null ? 0 : range.Window.ArrivedAt(range.Place);
        for (var index = 0; index < range.Messages.Count; index++)
        {
            var message = range.Messages[index];
            var lane = LaneOf(message) ?? NamelessLane();
            lane.Add(range.Window, range.Place + index, message, arrived);
            if (lane.State == KeyQueueState.Gathering && !_gathering!.Holds(lane))
            {
                _gathering.Remove(lane);
                MakeReady(lane);
            }
            else if (lane.State == KeyQueueState.Idle)
            {
                if (lane.Key is not null)
                {
                    _idle.Remove(lane.Node);
                }

                Enqueue(lane);
            }
        }
    }

    /// <summary>
    /// Takes the next lane that may be consumed and leases its first messages; it is the caller's until given back by one of
    /// the other methods. None when no message may be handed out now.
    /// </summary>
    /// <param name="most">Messages to take at most; a lane whose first message has failed gives only that.</param>
    /// <param name="messages">Its first messages.</param>
    /// <param name="mostBytes">See <see cref="CallSize"/>.</param>
    public KeyQueue? Take(int most, out MessageExt[] messages, long mostBytes = long.MaxValue)
    {
        if (!_ready.TryPeek(out var lane) || lane.Lease(lane.Failures > 0 ? 1 : most, mostBytes, rule?.Bytes ?? long.MaxValue) == 0)
        {
            messages = [];
            return null;
        }

        _ready.Dequeue();
        if (lane.Key is null)
        {
            lane = TakeNameless(lane);
        }

        messages = lane.Leased();
        lane.State = KeyQueueState.Running;
        lane.Turn++;
        InFlight += messages.Length;
        _running.Add(lane);
        return lane;
    }

    /// <summary>The first messages of a lane that was taken are done. The lane stays taken.</summary>
    public void Complete(KeyQueue lane, int count)
    {
        if (count > 0)
        {
            lane.Complete(count);
            lane.Failures = 0;
            lane.Error = null;
            InFlight -= count;
        }
    }

    /// <summary>Gives a lane back; what is left in it may be consumed.</summary>
    public void Release(KeyQueue lane)
    {
        Land(lane);
        Settle(lane);
    }

    private void Settle(KeyQueue lane)
    {
        if (lane.Count > 0)
        {
            Enqueue(lane);
        }
        else
        {
            Rest(lane);
        }
    }

    /// <summary>Gives a lane back whose first message must wait.</summary>
    public void Block(KeyQueue lane, string? error)
    {
        if (!Land(lane))
        {
            // The message counts no more; what came behind it has not failed.
            lane.Failures = 0;
            Settle(lane);
            return;
        }

        lane.State = KeyQueueState.Blocked;
        lane.Error = error;
        _blocked.AddLast(lane.Node);
    }

    /// <summary>
    /// A blocked lane has waited long enough. Nothing happens when it was emptied meanwhile, be it that it has messages again and waits
    /// for something else.
    /// </summary>
    /// <param name="lane">The lane.</param>
    /// <param name="turn">Its turn in which it was blocked.</param>
    public void Unblock(KeyQueue lane, long turn)
    {
        if (lane.State == KeyQueueState.Blocked && lane.Turn == turn)
        {
            _blocked.Remove(lane.Node);
            Enqueue(lane);
        }
    }

    /// <summary>Forgets all messages that are not leased.</summary>
    public void Forget()
    {
        foreach (var lane in _running)
        {
            lane.Forget();
        }

        // A lane is in one list at a time: out of these before it rests.
        KeyQueue[] waiting = [.. _ready, .. _blocked, .. _gathering?.TakeAll() ?? []];
        _ready.Clear();
        _blocked.Clear();
        _nameless = null;
        foreach (var lane in waiting)
        {
            lane.Forget();
            Rest(lane);
        }
    }

    private int IdleNow => mostIdle?.Invoke() ?? MostIdle;

    /// <summary>Nobody works on the lane any more. False when its first message is not the one that was leased.</summary>
    private bool Land(KeyQueue lane)
    {
        InFlight -= lane.Running;
        _running.Remove(lane);
        return lane.EndLeases();
    }

    private void Enqueue(KeyQueue lane)
    {
        if (_gathering?.Holds(lane) == true)
        {
            _gathering.Add(lane);
        }
        else
        {
            MakeReady(lane);
        }
    }

    private void MakeReady(KeyQueue lane)
    {
        lane.State = KeyQueueState.Ready;
        _ready.Enqueue(lane);
    }

    private void Rest(KeyQueue lane)
    {
        lane.State = KeyQueueState.Idle;
        lane.Failures = 0;
        lane.Error = null;
        lane.Trim();
        if (lane.Key is not null)
        {
            _idle.AddLast(lane.Node);
            while (_idle.Count > IdleNow)
            {
                _byKey.Remove(_idle.First!.Value.Key!);
                _idle.RemoveFirst();
            }
        }
        else if (_spare.Count < IdleNow)
        {
            _spare.Push(lane);
        }
    }

    private KeyQueue? LaneOf(MessageExt message)
    {
        if (keySelector is not null)
        {
            return keySelector(message) is { Length: > 0 } selected ? LaneOf(selected) : null;
        }

        if (!MessageProperties.TryFind(message.StoredProperties, "__SHARDINGKEY"u8, out var utf8) || utf8.Length == 0)
        {
            return null;
        }

        if (utf8.Length > LongestKeyOnStack)
        {
            return LaneOf(Encoding.UTF8.GetString(utf8));
        }

        // Most keys have a lane already: no text is made to find it.
        Span<char> key = stackalloc char[utf8.Length];
        key = key[..Encoding.UTF8.GetChars(utf8, key)];
        return _byKey.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(key, out var lane) ? lane : LaneOf(key.ToString());
    }

    private KeyQueue LaneOf(string key)
    {
        if (_byKey.TryGetValue(key, out var lane))
        {
            return lane;
        }

        if (_idle.Count > 0 && _idle.Count >= IdleNow)
        {
            lane = _idle.First!.Value;
            _idle.Remove(lane.Node);
            _byKey.Remove(lane.Key!);
        }
        else
        {
            lane = new KeyQueue();
        }

        lane.Rename(key);
        _byKey.Add(key, lane);
        _idle.AddLast(lane.Node);
        return lane;
    }

    private KeyQueue NamelessLane()
    {
        if (_nameless is not { State: KeyQueueState.Ready or KeyQueueState.Gathering } lane
            || lane.Count >= Math.Max(MostInNamelessLane, rule?.Messages ?? 0))
        {
            _nameless = NewNameless();
        }

        return _nameless;
    }

    private KeyQueue TakeNameless(KeyQueue lane)
    {
        if (ReferenceEquals(lane, _nameless))
        {
            _nameless = null;
        }

        if (lane.Count == lane.Running || lane.Failures > 0)
        {
            return lane;
        }

        var part = NewNameless();
        part.Running = lane.Running;
        lane.Running = 0;
        lane.MoveTo(part, part.Running);
        Enqueue(lane);
        return part;
    }

    private KeyQueue NewNameless() => _spare.TryPop(out var lane) ? lane : new KeyQueue();
}
