using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>Every decoder of bytes or text that come from outside.</summary>
internal static class AllTargets
{
    public static IReadOnlyList<FuzzTarget> List { get; } =
    [
        new FrameTarget(),
        new HeaderTarget(SerializeType.Json),
        new HeaderTarget(SerializeType.RocketMQ),
        new MessageTarget(),
        new BatchTarget(),
        new PropertiesTarget(),
        new BodyTarget(),
        new SqlTarget(),
        new TagTarget(),
        new CompressionTarget(CompressionType.Zlib),
        new CompressionTarget(CompressionType.Lz4),
        new CompressionTarget(CompressionType.Zstd),
        new HandleTarget(),
        new PopTarget(),
        new SegmentTarget(),
        new StateFileTarget(),
        new CheckpointTarget(),
        new DashboardTarget(),
    ];
}
