using System.Buffers;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>A frame that is about to be sent.</summary>
internal interface IFrame
{
    /// <summary>The code of the request.</summary>
    int Code { get; }

    /// <summary>Writes all of it, or throws before it has written anything.</summary>
    void WriteTo(IBufferWriter<byte> output, int opaque);
}

/// <summary>A command as it is.</summary>
internal readonly struct CommandFrame(RemotingCommand command) : IFrame
{
    public int Code => command.Code;

    public void WriteTo(IBufferWriter<byte> output, int opaque)
    {
        command.Opaque = opaque;
        FrameWriter.Write(output, command);
    }
}
