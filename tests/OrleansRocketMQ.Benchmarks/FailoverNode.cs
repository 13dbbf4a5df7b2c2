using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Reflection;
using OrleansRocketMQ.Testing;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>A silo in a process of its own; tells who last delivered from each queue, and when.</summary>
internal sealed class FailoverNode : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>The node's program, when it is another one than was built with this.</summary>
    public static string? Program { get; set; }

    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;
    private readonly Task _reading;

    private FailoverNode(Process process, QueueOwners owners)
    {
        _process = process;
        _reading = Task.WhenAll(Task.Run(() => ReadAsync(owners)), _process.StandardError.ReadToEndAsync());
    }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>Starts a silo and waits until it has joined.</summary>
    public static async Task<FailoverNode> StartAsync(string nameServer, string topic, IPEndPoint primary, QueueOwners owners, params string[] words)
    {
        var path = Program ?? typeof(FailoverNode).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "node").Value!;
        var ports = FreePorts.Take(2);
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [path, nameServer, "failover", topic, .. ports.Select(port => port.ToString(CultureInfo.InvariantCulture)), primary.ToString(), .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var node = new FailoverNode(Process.Start(start)!, owners);
        await node._ready.Task.WaitAsync(Patience);
        return node;
    }

    /// <summary>Tells it to stop, and waits until it has.</summary>
    public async Task StopAsync()
    {
        await SignalAsync("TERM");
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public Task FreezeAsync() => SignalAsync("STOP");

    /// <summary>Lets it go on, and waits until it has ended by itself, as one that was declared dead does.</summary>
    public async Task<bool> ThawAsync()
    {
        await SignalAsync("CONT");
        try
        {
            await _process.WaitForExitAsync().WaitAsync(Patience);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public void Kill() => _process.Kill();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", Id.ToString(CultureInfo.InvariantCulture)])!;
        await kill.WaitForExitAsync();
    }

    private async Task ReadAsync(QueueOwners owners)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line == "ready")
            {
                _ready.TrySetResult();
            }
            else if (line.Split(' ') is ["d", var topic, _, var queue, _, ..] && !topic.StartsWith('%'))
            {
                owners.Note(int.Parse(queue, CultureInfo.InvariantCulture), Id);
            }
        }

        _ready.TrySetException(new InvalidOperationException("the node ended before it was ready"));
    }
}

/// <summary>Which process last delivered from each queue. Thread-safe.</summary>
internal sealed class QueueOwners(int queues)
{
    private readonly Lock _gate = new();
    private readonly int[] _owners = new int[queues];
    private readonly long[] _since = new long[queues];
    private readonly long[] _last = new long[queues];
    private readonly long[] _longest = new long[queues];
    private int _moves;

    /// <summary>How often a queue has been delivered by another process than before.</summary>
    public int Moves
    {
        get
        {
            lock (_gate)
            {
                return _moves;
            }
        }
    }

    public void Note(int queue, int owner)
    {
        var now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            _longest[queue] = Math.Max(_longest[queue], now - _last[queue]);
            _last[queue] = now;
            if (_owners[queue] != owner)
            {
                (_owners[queue], _since[queue]) = (owner, now);
                _moves++;
            }
        }
    }

    /// <summary>From now on the longest time between two deliveries of each queue is noted.</summary>
    public void BeginPauses()
    {
        lock (_gate)
        {
            Array.Fill(_last, Stopwatch.GetTimestamp());
            Array.Clear(_longest);
        }
    }

    /// <summary>The longest time between two deliveries of each queue since <see cref="BeginPauses"/>, in milliseconds.</summary>
    public double[] LongestPauses()
    {
        lock (_gate)
        {
            return [.. _longest.Select(pause => Stopwatch.GetElapsedTime(0, pause).TotalMilliseconds)];
        }
    }

    public int[] Of(int owner)
    {
        lock (_gate)
        {
            return [.. Enumerable.Range(0, queues).Where(queue => _owners[queue] == owner)];
        }
    }

    /// <summary>Whether each of the processes has its part of the queues.</summary>
    public bool AreShared(IReadOnlyCollection<int> owners)
    {
        var shares = owners.Select(owner => Of(owner).Length).ToArray();
        return shares.Sum() == queues && shares.Max() - shares.Min() <= 1;
    }

    /// <summary>When each of the queues was first delivered by a process it has now; null while one has not been.</summary>
    public long[]? TakenOver(int[] which, int from)
    {
        lock (_gate)
        {
            return which.Any(queue => _owners[queue] == from) ? null : [.. which.Select(queue => _since[queue])];
        }
    }
}
