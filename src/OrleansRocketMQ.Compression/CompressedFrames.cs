namespace OrleansRocketMQ.Compression;

/// <summary>Decodes the content of one frame, the reader standing behind its magic number.</summary>
internal delegate void FrameDecoder(ref CompressedReader reader, DecompressedBody body);

/// <summary>A body as both formats have it: frames one after the other, with skippable ones between them.</summary>
internal static class CompressedFrames
{
    /// <exception cref="InvalidDataException">Something in it is no frame of the format, or there is none at all.</exception>
    public static ReadOnlyMemory<byte> Decode(ReadOnlyMemory<byte> compressed, int maxBodyLength, string format, uint magicOfFormat, FrameDecoder decode)
    {
        var body = new DecompressedBody(maxBodyLength);
        var reader = new CompressedReader(compressed.Span);
        var frames = 0;
        while (!reader.IsAtEnd)
        {
            var magic = reader.UInt32("the frame's magic number");
            if (SkippableFrame.Is(magic))
            {
                SkippableFrame.Skip(ref reader);
            }
            else if (magic == magicOfFormat)
            {
                decode(ref reader, body);
                frames++;
            }
            else
            {
                throw new InvalidDataException($"no {format} frame: it begins with 0x{magic:X8}");
            }
        }

        return frames > 0 ? body.Written : throw new InvalidDataException($"there is no {format} frame in it");
    }
}
