using System.Buffers;
using System.IO.Pipelines;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Connections;

/// <summary>Takes the frames that come: answers go to who waits, requests to the handler.</summary>
public sealed partial class RemotingConnection
{
    private async Task ReceiveAsync()
    {
        var options = new StreamPipeReaderOptions(bufferSize: 64 * 1024, minimumReadSize: 4 * 1024, leaveOpen: true);
        var reader = PipeReader.Create(_stream, options);
        Exception reason;
        try
        {
            reason = await ReceiveUntilEndAsync(reader).ConfigureAwait(false);
        }
        catch (FrameFormatException exception)
        {
            Log.CorruptFrame(_logger, RemoteAddress, exception);
            reason = exception;
        }
        catch (Exception exception)
        {
            // Whatever it was, nobody reads any more: those who wait must learn it.
            reason = new RocketMQNetworkException($"The connection to {RemoteAddress} failed: {exception.Message}", exception);
        }

        Close(reason);
        await reader.CompleteAsync().ConfigureAwait(false);
    }

    private async Task<Exception> ReceiveUntilEndAsync(PipeReader reader)
    {
        while (true)
        {
            var result = await reader.ReadAsync(_closing.Token).ConfigureAwait(false);
            var buffer = result.Buffer;
            Interlocked.Increment(ref _reads);
            var now = _time.GetTimestamp();
            Volatile.Write(ref _lastRead, now);
            Volatile.Write(ref _lastActivity, now);
            while (TryTake(ref buffer))
            {
                _hasServed = true;
                while (WaitsForReader && _sender.Room is { IsCompleted: false } room)
                {
                    await room.ConfigureAwait(false);
                }
            }

            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
            {
                return buffer.IsEmpty
                    ? new RocketMQNetworkException($"{RemoteAddress} closed the connection.")
                    : new FrameFormatException(
                        "bytes after the last whole frame", buffer.Length, "a whole frame before the connection ends");
            }
        }
    }

    private bool TryTake(ref ReadOnlySequence<byte> buffer)
    {
        if (_long.IsPassing && !_long.Pass(ref buffer))
        {
            return false;
        }

        if (_hasPulled && TryTakePullAnswer(ref buffer))
        {
            return true;
        }

        // Where nothing was ever asked, the limit is against those who ask.
        if (LongFrame.IsNext(buffer, _options.MaxFrameLength, out var length) && Volatile.Read(ref _nextOpaque) > 0)
        {
            Volatile.Write(ref _passedUntil, long.MaxValue);
            return _long.TryBegin(ref buffer, length, out var header) && Refuse(header!, length);
        }

        if (!FrameReader.TryRead(ref buffer, _options.MaxFrameLength, out var command))
        {
            return false;
        }

        Accept(command!);
        return true;
    }

    /// <summary>An answer is longer than the limit: who waits for it learns that, and its body is passed over.</summary>
    private bool Refuse(RemotingCommand header, int length)
    {
        if (!header.IsResponse || header.Opaque <= 0 || header.Opaque > Volatile.Read(ref _nextOpaque))
        {
            // Either it is none, or these bytes are no frame at all.
            throw new FrameFormatException("frame length", length, $"at most {_options.MaxFrameLength}");
        }

        _ = TryTake(header.Opaque, out var pending);
        _passing = pending?.Code ?? 0;
        var patience = pending?.Timeout ?? _options.IdleTimeout;
        Volatile.Write(ref _passedUntil, _time.GetTimestamp() + (long)(patience.TotalSeconds * _time.TimestampFrequency));
        pending?.TrySetException(new FrameTooLongException(RemoteAddress, pending.Code, length, _options.MaxFrameLength));
        return true;
    }

    private void Accept(RemotingCommand command)
    {
        if (command.IsResponse)
        {
            // An answer that nobody waits for any more came after its time-out; it has no effect.
            if (TryTake(command.Opaque, out var pending))
            {
                pending!.TrySetResult(command);
            }

            return;
        }

        var answer = AnswerAsync(command);
        if (!answer.IsCompletedSuccessfully)
        {
            _ = answer.AsTask();
        }
    }

    private async ValueTask AnswerAsync(RemotingCommand request)
    {
        RemotingCommand? response;
        try
        {
            response = _handler is null
                ? RemotingCommand.Response(request, ResponseCodes.RequestCodeNotSupported, $"request code {request.Code} not supported")
                : await _handler(this, request).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Log.HandlerFailed(_logger, request.Code, RemoteAddress, exception);
            response = RemotingCommand.Response(request, ResponseCodes.SystemError, exception.Message);
        }

        if (response is null || request.IsOneWay)
        {
            return;
        }

        try
        {
            await SendAsync(response).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Mostly the asker is gone, and with it everybody who could want the answer. Nobody waits for this to end.
            Log.AnswerNotSent(_logger, request.Code, RemoteAddress, exception.Message);
        }
    }
}
