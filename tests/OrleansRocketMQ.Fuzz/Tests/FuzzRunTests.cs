using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Tests;

/// <summary>The instrument finds what it is for.</summary>
public sealed class FuzzRunTests : IDisposable
{
    private readonly Hangs _hangs = new();

    public void Dispose() => _hangs.Dispose();

    [Fact]
    public void An_exception_nobody_expects_is_found_and_its_input_is_shortened()
    {
        var failure = Assert.Single(new FuzzRun(new Broken(input => input.Contains((byte)'!') ? throw new InvalidOperationException() : true), 1, [], _hangs).Run(20_000).Failures);

        Assert.StartsWith("InvalidOperationException", failure.What, StringComparison.Ordinal);
        Assert.Equal("!"u8.ToArray(), failure.Input);
    }

    [Fact]
    public void A_wrong_success_is_found()
    {
        var failure = Assert.Single(new FuzzRun(new Broken(input => input.Length > 12 ? throw new WrongSuccessException("too long") : true), 1, [], _hangs).Run(20_000).Failures);

        Assert.Equal("taken wrongly: too long", failure.What);
        Assert.Equal(13, failure.Input.Length);
    }

    [Fact]
    public void Memory_for_what_is_only_announced_is_found()
    {
        var kept = new byte[1][];
        var failure = Assert.Single(new FuzzRun(new Broken(input =>
        {
            kept[0] = new byte[input.Contains((byte)0xFF) ? 10_000_000 : 1];
            return true;
        }), 1, [], _hangs).Run(20_000).Failures);

        Assert.Equal("too much memory for so few bytes", failure.What);
    }

    private sealed class Broken(Func<byte[], bool> decoder) : FuzzTarget
    {
        public override string Name => "broken";

        public override IReadOnlyList<string> Decoders => [];

        public override IEnumerable<byte[]> Seeds() => ["some text"u8.ToArray()];

        public override bool Accepts(byte[] input) => decoder(input);
    }
}
