using System.Net;
using System.Net.Sockets;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// Opens a connection to a server whose name may stand for several addresses, as that of a service with a pod each does.
/// One of them that swallows everything must not use up the time of the others: the next one is tried beside it after a
/// moment, and the first that is there is taken.
/// </summary>
internal static class HostConnection
{
    // As RFC 8305 has it.
    private static readonly TimeSpan NextAfter = TimeSpan.FromMilliseconds(250);

    /// <exception cref="SocketException">None of the addresses could be reached; that of the first.</exception>
    public static async Task<Socket> OpenAsync(
        HostAndPort server,
        Func<string, CancellationToken, Task<IPAddress[]>> resolve,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var addresses = IPAddress.TryParse(server.Host, out var ip)
            ? [ip]
            : await resolve(server.Host, cancellationToken).ConfigureAwait(false);
        return addresses.Length switch
        {
            0 => throw new SocketException((int)SocketError.HostNotFound),
            1 => await ConnectAsync(addresses[0], server.Port, cancellationToken).ConfigureAwait(false),
            _ => await OpenFirstAsync(addresses, server.Port, time, cancellationToken).ConfigureAwait(false),
        };
    }

    private static async Task<Socket> OpenFirstAsync(
        IPAddress[] addresses,
        int port,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var attempts = new List<Task<Socket>>();
        var begun = 0;
        Task<Socket>? failed = null;
        try
        {
            while (true)
            {
                if (begun < addresses.Length)
                {
                    attempts.Add(ConnectAsync(addresses[begun++], port, late.Token));
                }
                else if (attempts.Count == 0)
                {
                    return await failed!.ConfigureAwait(false);
                }

                var pause = Task.Delay(begun < addresses.Length ? NextAfter : Timeout.InfiniteTimeSpan, time, late.Token);
                var ended = await Task.WhenAny([.. attempts, pause]).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
                if (ended is not Task<Socket> attempt)
                {
                    continue;
                }

                attempts.Remove(attempt);
                if (attempt.IsCompletedSuccessfully)
                {
                    return await attempt.ConfigureAwait(false);
                }

                failed ??= attempt;
            }
        }
        finally
        {
            await late.CancelAsync().ConfigureAwait(false);
            foreach (var attempt in attempts)
            {
                await attempt.ContinueWith(
                    Close,
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default).ConfigureAwait(false);
            }
        }
    }

    private static void Close(Task<Socket> attempt)
    {
        if (attempt.IsCompletedSuccessfully)
        {
            attempt.Result.Dispose();
        }
        else
        {
            _ = attempt.Exception;
        }
    }

    private static async Task<Socket> ConnectAsync(IPAddress address, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            TcpLiveness.Watch(socket);
            await socket.ConnectAsync(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
