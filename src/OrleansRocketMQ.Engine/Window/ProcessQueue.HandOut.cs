namespace OrleansRocketMQ.Engine.Window;

/// <summary>Which of the messages that wait go together, and how they are handed out.</summary>
internal sealed partial class ProcessQueue
{
    private int Fitting(int most, long mostBytes) => Fitting(_next, (int)Math.Min(most, _tail - _next), mostBytes);

    private int Fitting(long first, int available, long mostBytes)
    {
        if (available <= 0)
        {
            return 0;
        }

        var message = At(first).Message!;
        var count = 1;
        var left = mostBytes - CallSize.Of(message);
        var leftOfBodies = (_rule?.Bytes ?? long.MaxValue) - message.BodyLength;
        while (count < available
            && message.BodyError is null
            && (message = At(first + count).Message!).BodyError is null
            && (left -= CallSize.Of(message)) >= 0
            && (leftOfBodies -= message.BodyLength) >= 0)
        {
            count++;
        }

        return count;
    }

    private ProcessQueueRange HandOut(long first, int count, SlotState state, MessageExt[]? room = null)
    {
        if (count == 0)
        {
            return default;
        }

        var messages = new ArraySegment<MessageExt>(room ?? new MessageExt[count], 0, count);
        for (var index = 0; index < count; index++)
        {
            ref var slot = ref At(first + index);
            slot.State = state;
            messages[index] = slot.Message!;
        }

        _next = Math.Max(_next, first + count);
        return new ProcessQueueRange(this, first, messages);
    }
}
