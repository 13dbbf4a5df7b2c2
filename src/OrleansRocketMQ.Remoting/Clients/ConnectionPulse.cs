using System.Text.Json;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Asks something that is answered at once where a connection is silent while requests wait that may rightly wait long, as
/// pulls do: a connection that swallows everything (a proxy that lost its other side, a firewall that forgot the
/// connection) looks the same, and would be noticed only when a pull is over. The question is a heartbeat without
/// any group, which changes nothing. When it times out, the connection is replaced as after any request.
/// </summary>
internal sealed partial class ConnectionPulse(RemotingClient remoting, string clientId, TimeProvider time, ILogger logger)
{
    // Silence for so long, and then a time-out: together less than two time-outs.
    private readonly TimeSpan _silence = remoting.Options.RequestTimeout / 2;

    public async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(_silence / 2, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false))
            {
                foreach (var address in remoting.WaitingInSilence(_silence))
                {
                    _ = AskAsync(address, stopping);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The client stops.
        }
    }

    /// <summary>What any server answers at once, if only by saying that it does not know such a request.</summary>
    public static RemotingCommand QuestionOf(string clientId) => RemotingCommand.Request(
        RequestCodes.HeartBeat,
        JsonSerializer.SerializeToUtf8Bytes(new HeartbeatData { ClientId = clientId }, ProtocolJson.Default.HeartbeatData));

    private async Task AskAsync(string address, CancellationToken stopping)
    {
        try
        {
            await remoting.InvokeAsync(address, QuestionOf(clientId), cancellationToken: stopping).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // What waits on the connection learns of it and tells.
            Log.NoPulse(logger, address, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(63, LogLevel.Debug, "{Address} does not answer while requests wait for it: {Reason}")]
        public static partial void NoPulse(ILogger logger, string address, string reason);
    }
}
