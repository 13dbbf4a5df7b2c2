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

        var count = 1;
        var bytes = CallSize.Of(At(first).Message!);
        var left = (_rule?.Bytes ?? long.MaxValue) - At(first).Message!.Body.Length;
        while (count < available
            && At(first).Message!.BodyError is null
            && At(first + count).Message!.BodyError is null
            && (bytes += CallSize.Of(At(first + count).Message!)) <= mostBytes
            && (left -= At(first + count).Message!.Body.Length) >= 0)
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
