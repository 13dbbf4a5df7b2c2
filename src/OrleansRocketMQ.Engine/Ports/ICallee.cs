namespace OrleansRocketMQ.Engine.Ports;

/// <summary>A listener that may be asked what has become of a call. Thread-safe.</summary>
/// <typeparam name="TOutcome">What becomes of a call.</typeparam>
internal interface ICallee<TOutcome>
{
    /// <summary>
    /// Asks after a call that has not ended for some time: where a connection between silos breaks, what was under way on it is lost,
    /// and nobody says so.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="cancellationToken">Fires when the answer does not count any more.</param>
    /// <returns>What the listener knows of it; where it cannot be asked the call counts as under way.</returns>
    Task<CallWord<TOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken);
}

/// <summary>What a listener knows of a call.</summary>
internal enum CallState
{
    /// <summary>It is being consumed, or nothing is known.</summary>
    UnderWay,

    /// <summary>It has ended, and its answer may be lost.</summary>
    Ended,

    /// <summary>It has not come, and will not be taken when it does.</summary>
    Lost,
}

/// <summary>What a listener says of a call.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Outcome">What has become of it, when it has ended.</param>
internal readonly record struct CallWord<TOutcome>(CallState State, TOutcome? Outcome = default);
