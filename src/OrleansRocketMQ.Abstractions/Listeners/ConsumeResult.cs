namespace OrleansRocketMQ;

/// <summary>What became of a batch. Mirrors <c>ConsumeConcurrentlyStatus</c>.</summary>
public enum ConsumeResult
{
    /// <summary>The messages up to <see cref="ConsumeContext.AckIndex"/> are done; those behind it come again.</summary>
    Success = 0,

    /// <summary>All messages of the batch come again through the retry topic.</summary>
    ReconsumeLater = 1,
}
