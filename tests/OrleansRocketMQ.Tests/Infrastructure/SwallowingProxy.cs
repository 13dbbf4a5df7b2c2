using System.Net.Sockets;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// When told to, takes everything on the connections there are and passes nothing on, without closing them; new
/// connections work, unless told otherwise.
/// </summary>
internal sealed class SwallowingProxy : BrokerProxy
{
    private int _generation;
    private int _opened;
    private volatile bool _all;

    /// <summary>How many connections clients have opened.</summary>
    public int Opened => Volatile.Read(ref _opened);

    /// <summary>The connections there are go dumb.</summary>
    public void Swallow() => Interlocked.Increment(ref _generation);

    /// <summary>Connections there are go dumb, and those that come are.</summary>
    public void SwallowAll()
    {
        _all = true;
        Swallow();
    }

    /// <summary>New connections work again.</summary>
    public void Pass() => _all = false;

    protected override void Relay(Socket client, Socket server)
    {
        Interlocked.Increment(ref _opened);
        var generation = _all ? -1 : Volatile.Read(ref _generation);
        _ = RelayAsync(client, server, generation);
        _ = RelayAsync(server, client, generation);
    }

    private async Task RelayAsync(Socket from, Socket to, int generation)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer)) > 0)
            {
                if (generation == Volatile.Read(ref _generation))
                {
                    await to.SendAsync(buffer.AsMemory(0, read));
                }
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Closed by one side or the other.
        }

        if (generation == Volatile.Read(ref _generation))
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
