using System.Buffers;
using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Clients;

/// <summary>A pull of whose frame only the numbers differ from the queue's last one.</summary>
internal readonly struct PullFrame(RequestTemplate template, in PullRequest request) : IFrame
{
    private static readonly string[] NumberFields = ["queueOffset", "sysFlag", "commitOffset", "maxMsgNums", "maxMsgBytes"];

    private readonly long _offset = request.Offset;
    private readonly long _sysFlag = (int)request.SysFlag;
    private readonly long _commitOffset = request.CommitOffset;
    private readonly long _maxMessages = request.MaxMessages;
    private readonly long _maxBytes = request.MaxBytes;

    /// <summary>The fields the numbers stand in.</summary>
    public static ReadOnlySpan<string> Numbers => NumberFields;

    public int Code => template.Code;

    public void WriteTo(IBufferWriter<byte> output, int opaque)
    {
        ReadOnlySpan<long> numbers = [_offset, _sysFlag, _commitOffset, _maxMessages, _maxBytes];
        output.Advance(template.Write(output.GetSpan(template.LongestFrame), numbers, opaque));
    }
}
