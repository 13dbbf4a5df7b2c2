using System.IO.Pipelines;

namespace OrleansRocketMQ.WarmUp;

/// <summary>One end of a connection that never leaves the process. One reader and one writer at a time.</summary>
internal sealed class InMemoryStream : Stream
{
    private readonly Stream _incoming;
    private readonly Stream _outgoing;

    private InMemoryStream(Pipe incoming, Pipe outgoing)
    {
        _incoming = incoming.Reader.AsStream();
        _outgoing = outgoing.Writer.AsStream();
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The two ends of a connection.</summary>
    public static (Stream Client, Stream Server) CreatePair()
    {
        var (there, back) = (new Pipe(), new Pipe());
        return (new InMemoryStream(back, there), new InMemoryStream(there, back));
    }

    public override int Read(byte[] buffer, int offset, int count) => _incoming.Read(buffer, offset, count);

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => _incoming.ReadAsync(buffer, cancellationToken);

    public override void Write(byte[] buffer, int offset, int count) => _outgoing.Write(buffer, offset, count);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        => _outgoing.WriteAsync(buffer, cancellationToken);

    public override void Flush() => _outgoing.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => _outgoing.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _outgoing.Dispose();
            _incoming.Dispose();
        }

        base.Dispose(disposing);
    }
}
