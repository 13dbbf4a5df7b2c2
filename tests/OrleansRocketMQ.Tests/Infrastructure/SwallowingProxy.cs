using System.Net.Sockets;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>
/// When told to, takes everything on the connections there are and passes nothing on, without closing them; new
/// connections work.
/// </summary>
internal sealed class SwallowingProxy : BrokerProxy
{
    private int _generation;
    private int _opened;

    /// <summary>How many connections clients have opened.</summary>
    public int Opened => Volatile.Read(ref _opened);

    /// <summary>The connections there are go dumb.</summary>
    public void Swallow() => Interlocked.Increment(ref _generation);

    protected override void Relay(Socket client, Socket server)
    {
        Interlocked.Increment(ref _opened);
        var generation = Volatile.Read(ref _generation);
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
