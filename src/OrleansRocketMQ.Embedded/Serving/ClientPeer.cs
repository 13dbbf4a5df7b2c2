using System.Net;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>A client's connection as a server sees it.</summary>
internal sealed class ClientPeer(Stream stream, IPEndPoint remote)
{
    public Stream Stream { get; } = stream;

    public IPEndPoint Remote { get; } = remote;

    /// <summary>Set once, right after the connection is made and before anything is read from it.</summary>
    public RemotingConnection Connection { get; set; } = null!;

    /// <summary>The id of the last heartbeat on this connection.</summary>
    public string? ClientId { get; set; }

    /// <summary>The client, <c>host:port</c>.</summary>
    public string Address => Connection.RemoteAddress;
}
