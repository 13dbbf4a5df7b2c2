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
    private bool _writing;
    private TaskCompletionSource? _belowLimit;
    private Exception? _failure;

    public ValueTask SendAsync(RemotingCommand command, CancellationToken cancellationToken)
    {
        Task? wait = null;
        lock (_gate)
        {
            if (_failure is not null)
            {
                throw new RocketMQNetworkException("The connection is closed: " + _failure.Message, _failure);
            }

            // A command that cannot be written throws before it has put a byte into the pipe, see FrameWriter.
            FrameWriter.Write(_pipe.Writer, command);
            _unsent += _pipe.Writer.UnflushedBytes;
            Flush();
            if (_unsent > bufferLimit)
            {
                wait = (_belowLimit ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            if (_writing)
            {
                return Waiting(wait, cancellationToken);
            }

            _writing = true;
        }

        _ = WriteOutAsync();
        return Waiting(wait, cancellationToken);
    }

    /// <summary>Completes when no more than the limit waits to be sent.</summary>
    /// <exception cref="RocketMQNetworkException">The connection was closed meanwhile.</exception>
    public async ValueTask BelowLimitAsync()
    {
        while (WaitIfAboveLimit() is { } wait)
        {
            await wait.ConfigureAwait(false);
        }
    }

    public void Abort(Exception reason)
    {
        lock (_gate)
        {
            _failure ??= reason;
            if (_belowLimit?.TrySetException(new RocketMQNetworkException(reason.Message, reason)) == true)
            {
                // Those who wait for an answer do not look here; the error counts as seen.
                _ = _belowLimit.Task.Exception;
            }
        }
    }

    private Task? WaitIfAboveLimit()
    {
        lock (_gate)
        {
            return _failure is null && _unsent > bufferLimit
                ? (_belowLimit ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task
                : null;
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

    private static ValueTask Waiting(Task? wait, CancellationToken cancellationToken)
        => wait is null ? ValueTask.CompletedTask : new ValueTask(wait.WaitAsync(cancellationToken));

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
                }

                var written = buffer.Length;
                _pipe.Reader.AdvanceTo(buffer.End);
                Release(written);
            }
        }
        catch (Exception exception)
        {
            onFailure(new RocketMQNetworkException("Sending failed: " + exception.Message, exception));
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
}
