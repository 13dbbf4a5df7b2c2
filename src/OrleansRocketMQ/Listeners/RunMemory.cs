using Orleans.Runtime;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch;

/// <summary>
/// What an activation knows of the runs that other silos have sent to it, for those that ask after one. A run that was asked after
/// before it came is not taken any more: whoever asked sends its messages again. Thread-safe.
/// </summary>
/// <typeparam name="TResult">What becomes of a run.</typeparam>
internal sealed class RunMemory<TResult>
    where TResult : class
{
    /// <summary>A caller has one run at a time here; a key's grain may have callers of a few groups.</summary>
    private const int MostKept = 4;

    private readonly Lock _gate = new();
    private readonly List<(long Slot, long Number)> _underWay = new(1);
    private readonly Queue<((long Slot, long Number) Call, TResult? Result)> _known = new(MostKept);

    /// <summary>The memory of a grain's activation.</summary>
    public static RunMemory<TResult> Of(IGrainContext grain)
    {
        if (grain.GetComponent<RunMemory<TResult>>() is { } known)
        {
            return known;
        }

        var memory = new RunMemory<TResult>();
        grain.SetComponent(memory);
        return memory;
    }

    /// <summary>Has a run consumed, and keeps what becomes of it.</summary>
    public async ValueTask<TResult> KeepAsync<TRun>(
        TRun run, Func<TRun, CancellationToken, ValueTask<TResult>> consume, TResult refused, CancellationToken cancellationToken)
        where TRun : IRun
    {
        if (!TryBegin(run.Call))
        {
            return refused;
        }

        TResult? result = null;
        try
        {
            return result = await consume(run, cancellationToken);
        }
        finally
        {
            End(run.Call, result);
        }
    }

    /// <summary>What is known of a run. One that is not known is not taken from now on, unless it may stand behind another one.</summary>
    public RunWord<TResult> Ask((long Slot, long Number) call)
    {
        lock (_gate)
        {
            if (Find(call) is { } known)
            {
                return new(known.Result is null ? CallState.Lost : CallState.Ended, known.Result);
            }

            if (_underWay.Count > 0)
            {
                return new(CallState.UnderWay);
            }

            Keep(call, null);
            return new(CallState.Lost);
        }
    }

    /// <summary>Whether a run may begin; it may not when it was told to be lost.</summary>
    private bool TryBegin((long Slot, long Number) call)
    {
        lock (_gate)
        {
            // Silos of an older version give their runs names that others may use, too.
            if (Find(call) is { Result: null })
            {
                return false;
            }

            _underWay.Add(call);
            return true;
        }
    }

    /// <summary>A run has ended.</summary>
    /// <param name="call">Which.</param>
    /// <param name="result">What has become of it; null when nobody has judged its messages.</param>
    private void End((long Slot, long Number) call, TResult? result)
    {
        lock (_gate)
        {
            _underWay.Remove(call);
            Keep(call, result);
        }
    }

    private void Keep((long Slot, long Number) call, TResult? result)
    {
        if (_known.Count == MostKept)
        {
            _known.Dequeue();
        }

        _known.Enqueue((call, result));
    }

    private ((long Slot, long Number) Call, TResult? Result)? Find((long Slot, long Number) call)
    {
        foreach (var known in _known)
        {
            if (known.Call == call)
            {
                return known;
            }
        }

        return null;
    }
}
