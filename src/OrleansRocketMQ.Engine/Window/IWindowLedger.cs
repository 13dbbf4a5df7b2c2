namespace OrleansRocketMQ.Engine.Window;

/// <summary>
/// Hears what becomes of each message of a window whose broker must be told message by message. Called within the window's
/// lock: must be quick, and call neither the window nor anybody else who may. Thread-safe.
/// </summary>
internal interface IWindowLedger
{
    /// <summary>Its lease has ended: it is consumed, or safe with somebody else.</summary>
    void Done(MessageExt message);

    /// <summary>The window has it no more, and nobody has consumed it.</summary>
    void Dropped(MessageExt message);

    /// <summary>The window has it no more, since somebody wants the queue to go on elsewhere.</summary>
    void Skipped(MessageExt message);
}
