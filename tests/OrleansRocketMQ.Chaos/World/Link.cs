using System.Net.Sockets;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>One connection that bytes are passed on over.</summary>
internal sealed class Link(Links links, int process, int port, TcpClient near, TcpClient far)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    /// <summary>One of so many pieces resets a flaky connection.</summary>
    private const int ResetsOneOf = 400;

    private volatile bool _isHalfDead;

    public Flow Out { get; } = new(process, port, IsOutward: true);

    public Flow In { get; } = new(process, port, IsOutward: false);

    public void Close()
    {
        near.Close();
        far.Close();
    }

    /// <summary>It has forgotten its other end: what goes in is gone from now on.</summary>
    public void HalfDie() => _isHalfDead = true;

    public async Task PassAsync()
    {
        await Task.WhenAny(PassAsync(near, far, Out), PassAsync(far, near, In));
        Close();
    }

    private async Task PassAsync(TcpClient from, TcpClient to, Flow flow)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            var (source, target) = (from.GetStream(), to.GetStream());
            while (await source.ReadAsync(buffer) is > 0 and var count)
            {
                await DelayAsync(flow);
                if (!_isHalfDead)
                {
                    await target.WriteAsync(buffer.AsMemory(0, count));
                }
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Its end.
        }

        // What does not get through does not tell of an end either.
        await links.UntilHeardAsync(flow, Look);
    }

    private async Task DelayAsync(Flow flow)
    {
        await links.UntilHeardAsync(flow, Look);
        var (late, isFlaky) = links.LateOf(flow);
        if (late > TimeSpan.Zero)
        {
            await Task.Delay(late);
        }

        if (isFlaky && Random.Shared.Next(ResetsOneOf) == 0)
        {
            Close();
        }
    }
}
