using System.IO.Pipelines;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>
/// The writing half of a connection. Whoever finds nobody writing to the stream writes, everybody else leaves his
/// frame behind: no hop to another thread when it is quiet, one large write for many frames when it is not.
/// </summary>
internal sealed class FrameSender(Stream stream, int bufferLimit, Action<Exception> onFailure)
{
    // The pipe itself never makes writers wait; the limit below does, so that frames are never torn by a pause.
    private readonly Pipe _pipe = new(new PipeOptions(
        pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: 32 * 1024, useSynchronizationContext: false));

    private readonly Lock _gate = new();
    private long _unsent;
    private long _progress;
    private bool _writing;
    private TaskCompletionSource? _belowLimit;
    private Exception? _failure;

    /// <summary>Grows with each piece that the stream has taken.</summary>
    public long Progress => Volatile.Read(ref _progress);

    /// <summary>Completes when a frame may be sent again; the next one may still come too late for it.</summary>
    public Task Room
    {
        get
        {
            lock (_gate)
            {
                return HasRoom ? Task.CompletedTask : (_belowLimit ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    private bool HasRoom => _failure is not null || _unsent <= bufferLimit;

    /// <summary>Whether something waits to be written and the stream has taken nothing since it had come so far.</summary>
    public bool IsStuckAt(long progress)
    {
        lock (_gate)
        {
            return _writing && _progress == progress;
        }
    }

    /// <summary>Sends a frame, or leaves it when more than the limit waits to be written.</summary>
    /// <exception cref="RocketMQNetworkException">The connection is closed.</exception>
    public bool TrySend(RemotingCommand command) => TrySend(new CommandFrame(command), command.Opaque);

    /// <inheritdoc cref="TrySend(RemotingCommand)"/>
    public bool TrySend<TFrame>(in TFrame frame, int opaque)
        where TFrame : struct, IFrame
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                throw new RocketMQNetworkException("The connection is closed: " + _failure.Message, _failure);
            }

            if (!HasRoom)
            {
                return false;
            }

            frame.WriteTo(_pipe.Writer, opaque);
            _unsent += _pipe.Writer.UnflushedBytes;
            Flush();
            if (_writing)
            {
                return true;
            }

            _writing = true;
        }

        _ = WriteOutAsync();
        return true;
    }

    public void Abort(Exception reason)
    {
        lock (_gate)
        {
            _failure ??= reason;
            _belowLimit?.TrySetResult();
            _belowLimit = null;
            if (!_writing)
            {
                CompletePipe();
            }
        }
    }

    private void Flush()
    {
        var flushed = _pipe.Writer.FlushAsync(CancellationToken.None);
        if (!flushed.IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("A pipe without a pause threshold made its writer wait.");
        }
    }

    private async Task WriteOutAsync()
    {
        try
        {
            while (TryTake(out var result))
            {
                var buffer = result.Buffer;
                foreach (var segment in buffer)
                {
                    await stream.WriteAsync(segment).ConfigureAwait(false);
                    Interlocked.Increment(ref _progress);
                }

                var written = buffer.Length;
                _pipe.Reader.AdvanceTo(buffer.End);
                Release(written);
            }
        }
        catch (Exception exception)
        {
            onFailure(new RocketMQNetworkException("Sending failed: " + exception.Message, exception));
            lock (_gate)
            {
                _writing = false;
                CompletePipe();
            }
        }
    }

    private bool TryTake(out ReadResult result)
    {
        lock (_gate)
        {
            if (_failure is null && _pipe.Reader.TryRead(out result))
            {
                return true;
            }

            result = default;
            _writing = false;
            if (_failure is not null)
            {
                CompletePipe();
            }

            return false;
        }
    }

    private void Release(long written)
    {
        lock (_gate)
        {
            _unsent -= written;
            if (_belowLimit is not null && _unsent <= bufferLimit / 2)
            {
                _belowLimit.TrySetResult();
                _belowLimit = null;
            }
        }
    }

    // What was not sent goes back to the pool at once, however long somebody keeps the closed connection. Only while
    // nobody writes: the stream may still read from the pieces it was given.
    private void CompletePipe()
    {
        _pipe.Writer.Complete();
        _pipe.Reader.Complete();
    }
}
