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

    private NodeProcess(Process process, DeliveryLog log)
    {
        _process = process;
        Name = $"node-{process.Id}";
        _reading = Task.WhenAll(Task.Run(() => ReadOutputAsync(log)), Task.Run(ReadErrorsAsync));
    }

    public string Name { get; }

    /// <summary>Starts a silo and waits until it has joined.</summary>
    public static async Task<NodeProcess> StartAsync(string nameServer, string group, IPEndPoint primary)
    {
        var path = typeof(NodeProcess).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(metadata => metadata.Key == "node").Value!;
        var ports = FreePorts.Take(2);
        var start = new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
            [path, nameServer, group, SteadyLoad.Topic, .. ports.Select(port => port.ToString(CultureInfo.InvariantCulture)), primary.ToString()])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var node = new NodeProcess(Process.Start(start)!, DeliveryLog.Of(group));
        var deadline = Task.Delay(Eventually.Deadline);
        if (await Task.WhenAny(node._ready.Task, node._reading, deadline) != node._ready.Task)
        {
            throw new InvalidOperationException($"The node did not start. It said: {string.Join(Environment.NewLine, node._lastErrors)}");
        }

        return node;
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

    private async Task ReadOutputAsync(DeliveryLog log)
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line == "ready")
            {
                _ready.SetResult();
            }
            else if (line.Split(' ') is ["d", var topic, var broker, var queue, var offset] && line.Length > 2)
            {
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
