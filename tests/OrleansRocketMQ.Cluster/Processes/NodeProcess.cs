using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Reflection;
using OrleansRocketMQ.Cluster.Load;

namespace OrleansRocketMQ.Cluster.Processes;

/// <summary>A silo in a process of its own, which tells its deliveries to the test's log.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Queue<string> _lastErrors = new();
    private readonly Process _process;
    private readonly Task _reading;

    private NodeProcess(Process process, DeliveryLog log, KeySuccesses? successes)
    {
        _process = process;
        Name = $"node-{process.Id}";
        _reading = Task.WhenAll(Task.Run(() => ReadOutputAsync(log, successes)), Task.Run(ReadErrorsAsync));
    }

    public string Name { get; }

    /// <summary>Starts a silo and waits until it has joined.</summary>
    /// <param name="nameServer">Where it consumes.</param>
    /// <param name="group">For which group.</param>
    /// <param name="primary">The silo it joins.</param>
    /// <param name="successes">Makes its listener a key-ordered one and gets what succeeds.</param>
    /// <param name="words">More of what the node understands.</param>
    public static async Task<NodeProcess> StartAsync(string nameServer, string group, IPEndPoint primary, KeySuccesses? successes = null, params string[] words)
    {
        var path = typeof(NodeProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "node").Value!;
        var ports = FreePorts.Take(2);
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [path, nameServer, group, SteadyLoad.Topic, .. ports.Select(port => port.ToString(CultureInfo.InvariantCulture)), primary.ToString(), .. successes is null ? [] : (string[])["keyed"], .. words])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var node = new NodeProcess(Process.Start(start)!, DeliveryLog.Of(group), successes);
        var deadline = Task.Delay(Eventually.Deadline);
        if (await Task.WhenAny(node._ready.Task, node._reading, deadline) != node._ready.Task)
        {
            throw new InvalidOperationException($"The node did not start. It said: {string.Join(Environment.NewLine, node._lastErrors)}");
        }

        return node;
    }

    /// <summary>Lets the process stand still, as a long pause of its virtual machine would.</summary>
    public Task FreezeAsync() => SignalAsync("STOP");

    /// <summary>Lets it go on.</summary>
    public Task ThawAsync() => SignalAsync("CONT");

    /// <summary>Waits until the process has ended by itself.</summary>
    public async Task UntilEndedAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Eventually.Deadline);
        await _reading;
    }

    /// <summary>Ends the process at once, as a power failure would, and reads what it had still told.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        await _reading;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process.Id.ToString(CultureInfo.InvariantCulture)])!;
        await kill.WaitForExitAsync();
    }

    private async Task ReadOutputAsync(DeliveryLog log, KeySuccesses? successes)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line == "ready")
            {
                _ready.SetResult();
            }
            else if (line.Split(' ') is ["d", var topic, var broker, var queue, var offset, .. var more])
            {
                if (more is [var key, var number, var at])
                {
                    successes?.Add(key, int.Parse(number, CultureInfo.InvariantCulture), long.Parse(at, CultureInfo.InvariantCulture));
                }

                log.Add(new MessageQueue(topic, broker, int.Parse(queue, CultureInfo.InvariantCulture)), long.Parse(offset, CultureInfo.InvariantCulture), Name);
            }
        }
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_lastErrors)
            {
                _lastErrors.Enqueue(line);
                if (_lastErrors.Count > 50)
                {
                    _lastErrors.Dequeue();
                }
            }
        }
    }
}
