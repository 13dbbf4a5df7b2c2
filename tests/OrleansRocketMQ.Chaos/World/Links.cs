using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>How it is with the connections of a process.</summary>
internal enum LinkState
{
    Open,
    Cut,
    HalfDead,
}

/// <summary>
/// All connections of silos to name server and brokers: one listener for each of their ports on an address of its own, which passes
/// bytes on to the address where they really are. Connections can be cut, made half-dead or slow, for one process or for all.
/// </summary>
internal sealed class Links : IAsyncDisposable
{
    /// <summary>Where name server and brokers are told to be.</summary>
    public static readonly IPAddress Told = IPAddress.Parse("127.0.0.3");

    /// <summary>Where they are.</summary>
    public static readonly IPAddress Real = IPAddress.Parse("127.0.0.2");

    private readonly CancellationTokenSource _ending = new();
    private readonly List<TcpListener> _listeners = [];
    private readonly ConcurrentDictionary<Link, bool> _links = [];
    private readonly ConcurrentDictionary<int, LinkState> _states = [];
    private readonly ConcurrentDictionary<int, bool> _refused = [];

    /// <summary>Processes that may be told apart.</summary>
    public ConcurrentDictionary<int, bool> Processes { get; } = [];

    /// <summary>How late bytes are.</summary>
    public TimeSpan Delay { get; set; }

    public void Open(params int[] ports)
    {
        foreach (var port in ports)
        {
            var listener = new TcpListener(Told, port);
            listener.Start();
            _listeners.Add(listener);
            _ = AcceptAsync(listener, port);
        }
    }

    /// <summary>How it is with the connections of a process from now on; those it has already, too.</summary>
    public void Set(int process, LinkState state)
    {
        _states[process] = state;
        foreach (var link in _links.Keys.Where(link => link.Process == process))
        {
            link.Set(state);
        }
    }

    /// <summary>Whether connections to a port are refused from now on; those there are are cut.</summary>
    public void Refuse(int port, bool isRefused)
    {
        _refused[port] = isRefused;
        foreach (var link in _links.Keys.Where(link => isRefused && link.Port == port))
        {
            link.Set(LinkState.Cut);
        }
    }

    public void CutAll()
    {
        foreach (var link in _links.Keys)
        {
            link.Set(LinkState.Cut);
        }
    }

    /// <summary>All is well again.</summary>
    public void Heal()
    {
        Delay = TimeSpan.Zero;
        _states.Clear();
        _refused.Clear();

        // What was swallowed is gone: such a connection is no good any more, and its ends have to find that out by themselves.
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listeners.ForEach(listener => listener.Dispose());
        CutAll();
        _ending.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener, int port)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                _ = PassAsync(await listener.AcceptTcpClientAsync(_ending.Token), port);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // A connection that went before it was taken, or the end.
            }
        }
    }

    private async Task PassAsync(TcpClient near, int port)
    {
        using var _ = near;
        using var far = new TcpClient();
        try
        {
            var process = LinkOwner.Of(((IPEndPoint)near.Client.RemoteEndPoint!).Port, Processes.Keys) ?? 0;
            var state = _states.GetValueOrDefault(process);
            if (state == LinkState.Cut || _refused.GetValueOrDefault(port))
            {
                return;
            }

            near.NoDelay = far.NoDelay = true;
            await far.ConnectAsync(Real, port, _ending.Token);
            var link = new Link(process, port, near, far, () => Delay);
            link.Set(state);
            _links[link] = true;
            await link.PassAsync();
            _links.TryRemove(link, out var _);
        }
        catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever is at the other end sees it end.
        }
    }
}
