using System.Net.Sockets;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>One connection that bytes are passed on over.</summary>
internal sealed class Link(int process, int port, TcpClient near, TcpClient far, Func<TimeSpan> delay)
{
    private volatile LinkState _state;

    public int Process => process;

    public int Port => port;

    public void Set(LinkState state)
    {
        // What a half-dead one has swallowed is gone: it never gets well.
        if (_state != LinkState.HalfDead)
        {
            _state = state;
        }

        if (state == LinkState.Cut)
        {
            near.Close();
            far.Close();
        }
    }

    public async Task PassAsync()
    {
        await Task.WhenAny(PassAsync(near, far), PassAsync(far, near));
        near.Close();
        far.Close();
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            var (source, target) = (from.GetStream(), to.GetStream());
            while (await source.ReadAsync(buffer) is > 0 and var count)
            {
                if (delay() is { Ticks: > 0 } late)
                {
                    await Task.Delay(late);
                }

                if (_state == LinkState.Open)
                {
                    await target.WriteAsync(buffer.AsMemory(0, count));
                }
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Its end.
        }
    }
}
