namespace OrleansRocketMQ.Clients;

/// <summary>A name server or broker that does not serve.</summary>
/// <param name="Address">The server, <c>host:port</c>.</param>
/// <param name="Since">When this was noticed.</param>
/// <param name="Reason">The error of that moment.</param>
public sealed record UnreachableServer(string Address, DateTimeOffset Since, string Reason);
