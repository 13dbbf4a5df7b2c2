using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// All connections of silos to name server, brokers, store and each other: one listener for each port on an address of its own, which
/// passes bytes on to the address where the server really is. Connections can be disturbed, by whose they are and where they lead.
/// </summary>
internal sealed class Links : IAsyncDisposable
{
    /// <summary>Where all servers are told to be.</summary>
    public static readonly IPAddress Told = IPAddress.Parse("127.0.0.3");

    /// <summary>Where they are, except for the store.</summary>
    public static readonly IPAddress Real = IPAddress.Parse("127.0.0.2");

    private readonly CancellationTokenSource _ending = new();
    private readonly ConcurrentBag<TcpListener> _listeners = [];
    private readonly ConcurrentDictionary<Link, bool> _links = [];
    private ImmutableList<Disturbance> _disturbances = [];
    private long _struck;

    /// <summary>Processes that may be told apart.</summary>
    public ConcurrentDictionary<int, bool> Processes { get; } = [];

    /// <summary>Connections that disturbances have cut or made half-dead, and pieces of others that they have made late or have held back.</summary>
    public long Struck => Interlocked.Read(ref _struck);

    public void Open(params int[] ports)
    {
        foreach (var port in ports)
        {
            Open(Real, port);
        }
    }

    /// <param name="real">Where the server is.</param>
    /// <param name="port">Its port, there as here.</param>
    public void Open(IPAddress real, int port)
    {
        var listener = new TcpListener(Told, port);
        listener.Start();
        _listeners.Add(listener);
        _ = AcceptAsync(listener, new(real, port));
    }

    /// <summary>Something is wrong from now on; with connections that there are, too.</summary>
    public void Begin(Disturbance disturbance)
    {
        ImmutableInterlocked.Update(ref _disturbances, all => all.Add(disturbance));
        foreach (var link in _links.Keys)
        {
            Strike(link, disturbance);
        }
    }

    public void End(Disturbance disturbance) => ImmutableInterlocked.Update(ref _disturbances, all => all.Remove(disturbance));

    public void CutAll()
    {
        foreach (var link in _links.Keys)
        {
            link.Close();
        }
    }

    /// <summary>All is well again, but what is half-dead: its ends have to find that out by themselves.</summary>
    public void Heal() => Volatile.Write(ref _disturbances, []);

    /// <summary>Waits as long as bytes do not get through.</summary>
    public async Task UntilHeardAsync(Flow flow, TimeSpan look)
    {
        while (Hits(Harm.Silent, flow) && !_ending.IsCancellationRequested)
        {
            Interlocked.Increment(ref _struck);
            await Task.Delay(look);
        }
    }

    /// <summary>How late bytes are, and whether their connection may be reset.</summary>
    public (TimeSpan Late, bool IsFlaky) LateOf(Flow flow)
    {
        var (late, isFlaky) = (TimeSpan.Zero, false);
        foreach (var disturbance in Volatile.Read(ref _disturbances))
        {
            if (disturbance.Harm is Harm.Slow or Harm.Flaky && disturbance.Hits(flow))
            {
                Interlocked.Increment(ref _struck);
                isFlaky |= disturbance.Harm == Harm.Flaky;
                late += disturbance.Harm == Harm.Flaky ? disturbance.Late * Random.Shared.NextDouble() : disturbance.Late;
            }
        }

        return (late, isFlaky);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        foreach (var listener in _listeners)
        {
            listener.Dispose();
        }

        CutAll();
        _ending.Dispose();
    }

    private bool Hits(Harm harm, Flow flow) => Volatile.Read(ref _disturbances).Exists(disturbance => disturbance.Harm == harm && disturbance.Hits(flow));

    private void Strike(Link link, Disturbance disturbance)
    {
        if (disturbance.Harm is Harm.Cut or Harm.HalfDead && disturbance.Hits(link.Out))
        {
            Interlocked.Increment(ref _struck);
            if (disturbance.Harm == Harm.Cut)
            {
                link.Close();
            }
            else
            {
                link.HalfDie();
            }
        }
    }

    private async Task AcceptAsync(TcpListener listener, IPEndPoint real)
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                _ = PassAsync(await listener.AcceptTcpClientAsync(_ending.Token), real);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // A connection that went before it was taken, or the end.
            }
        }
    }

    private async Task PassAsync(TcpClient near, IPEndPoint real)
    {
        using var _ = near;
        using var far = new TcpClient();
        try
        {
            var (other, own) = ((IPEndPoint)near.Client.RemoteEndPoint!, (IPEndPoint)near.Client.LocalEndPoint!);
            var link = new Link(this, LinkOwner.Of(other, own, Processes.Keys) ?? 0, real.Port, near, far);
            if (Hits(Harm.Cut, link.Out))
            {
                Interlocked.Increment(ref _struck);
                return;
            }

            near.NoDelay = far.NoDelay = true;
            await far.ConnectAsync(real, _ending.Token);
            _links[link] = true;

            // Behind its entry, so that none that begins meanwhile misses it.
            foreach (var disturbance in Volatile.Read(ref _disturbances))
            {
                Strike(link, disturbance);
            }

            await link.PassAsync();
            _links.TryRemove(link, out var _);
        }
        catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever is at the other end sees it end.
        }
    }
}
