using System.Globalization;
using System.Text;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Testing;

/// <summary>
/// Watches what happens to keys whose messages are numbered 0, 1, 2 ... in the order they were sent. What must hold for
/// each key: one call at a time; a message is given to the listener only after all before it have succeeded; and each
/// success is of the message behind the last success, except that after a crash some of the last ones may come again, in
/// order again. The first thing that is otherwise is kept as <see cref="Violation"/>.
/// </summary>
internal sealed class KeyHistory(bool repeatsAllowed = false)
{
    private readonly Dictionary<string, KeyState> _keys = [];
    private long _successes;
    private long _repeats;

    public string? Violation { get; private set; }

    /// <summary>Messages that succeeded, each counted once.</summary>
    public long Succeeded => Interlocked.Read(ref _successes);

    /// <summary>Messages that succeeded again.</summary>
    public long Repeats => Interlocked.Read(ref _repeats);

    /// <summary>A message with a key and a number.</summary>
    public static Message MessageOf(string topic, string key, int number)
        => new(topic, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{number}"))) { ShardingKey = key };

    public static int NumberOf(MessageExt message) => int.Parse(message.Body.Span, CultureInfo.InvariantCulture);

    /// <summary>Sends so many messages of each key, keys beside each other, each key's in order to one queue.</summary>
    public static async Task SendAsync(Producer producer, string topic, IEnumerable<string> keys, int first, int count)
        => await Parallel.ForEachAsync(keys, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (key, token) =>
        {
            for (var number = first; number < first + count; number++)
            {
                await producer.SendAsync(MessageOf(topic, key, number), new HashSelector(), key, token);
            }
        });

    /// <summary>A script that watches; what a message fails on is for the test to say.</summary>
    public KeyedScript Script(Func<string, MessageExt, bool>? fails = null, Func<Task>? work = null) => async (key, messages, context, _) =>
    {
        Begin(key, messages);
        await (work?.Invoke() ?? Task.CompletedTask);
        var failed = fails is null ? -1 : Enumerable.Range(0, messages.Count).FirstOrDefault(index => fails(key, messages[index]), -1);
        context.AckIndex = failed < 0 ? messages.Count - 1 : failed - 1;
        End(key, messages, context.AckIndex + 1);
        return ConsumeResult.Success;
    };

    public void Begin(string key, MessageBatch messages)
    {
        lock (_keys)
        {
            if (!_keys.TryGetValue(key, out var state))
            {
                _keys[key] = state = new KeyState();
            }

            Check(!state.IsBusy, $"two calls of {key} at once");
            state.IsBusy = true;
            var first = NumberOf(messages[0]);
            Check(first <= state.Highest + 1, $"{key}: {first} was given to the listener when {state.Highest} was the last that had succeeded");
            for (var index = 0; index < messages.Count; index++)
            {
                Check(messages[index].ShardingKey == key, $"a message of {messages[index].ShardingKey} came to {key}");
                Check(NumberOf(messages[index]) == first + index, $"{key}: {NumberOf(messages[index])} is at {index} of a batch that begins with {first}");
            }
        }
    }

    public void End(string key, MessageBatch messages, int succeeded)
    {
        lock (_keys)
        {
            var state = _keys[key];
            state.IsBusy = false;
            for (var index = 0; index < succeeded; index++)
            {
                Succeed(key, state, NumberOf(messages[index]));
            }
        }
    }

    /// <summary>One success, when calls themselves are not watched.</summary>
    public void Succeed(string key, int number)
    {
        lock (_keys)
        {
            if (!_keys.TryGetValue(key, out var state))
            {
                _keys[key] = state = new KeyState();
            }

            Succeed(key, state, number);
        }
    }

    private void Succeed(string key, KeyState state, int number)
    {
        Check(
            number == state.Last + 1 || (repeatsAllowed && number <= state.Last),
            $"{key}: {number} succeeded after {state.Last}, the highest being {state.Highest}");
        state.Last = number;
        if (number > state.Highest)
        {
            state.Highest = number;
            _successes++;
        }
        else
        {
            _repeats++;
        }
    }

    private void Check(bool holds, string otherwise)
    {
        if (!holds)
        {
            Violation ??= otherwise;
        }
    }

    private sealed class KeyState
    {
        public int Highest { get; set; } = -1;

        public int Last { get; set; } = -1;

        public bool IsBusy { get; set; }
    }
}
