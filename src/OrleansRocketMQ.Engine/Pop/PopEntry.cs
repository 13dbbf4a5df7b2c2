namespace OrleansRocketMQ.Engine.Pop;

/// <summary>A delivery in <see cref="PopBook"/>, within whose lock it changes.</summary>
internal sealed class PopEntry
{
    public PopEntry(MessageExt message, long hiddenUntil, long number)
    {
        Key = message.ReceiptHandle!.Value;
        Number = number;
        Receipt = new PopReceipt(Key, hiddenUntil);
        Place = new LinkedListNode<PopEntry>(this);
    }

    /// <summary>The handle the message came with, which it carries to its end.</summary>
    public ReceiptHandle Key { get; }

    public PopReceipt Receipt { get; set; }

    /// <summary>Which one of all it is that have come.</summary>
    public long Number { get; }

    /// <summary>How many messages came with the handle and are not done.</summary>
    public int Parts { get; set; } = 1;

    /// <summary>Whether the broker may not hear yet that it is done.</summary>
    public bool IsInLine { get; set; }

    /// <summary>Whose it is; known of what is in line.</summary>
    public string MessageId { get; set; } = string.Empty;

    public LinkedListNode<PopEntry> Place { get; }
}
