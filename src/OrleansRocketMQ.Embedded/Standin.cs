namespace OrleansRocketMQ.Embedded;
/// <summary>x</summary>
public sealed class EmbeddedRocketMQ : IAsyncDisposable { 
/// <summary>x</summary>
public static Task<EmbeddedRocketMQ> StartAsync() => throw new NotSupportedException();
/// <summary>x</summary>
public string NameServerAddress { get; } = "";
/// <summary>x</summary>
public ValueTask DisposeAsync() => default; }
