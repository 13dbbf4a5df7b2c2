namespace OrleansRocketMQ.Engine.Tests;

public sealed class InvariantTests
{
    [Fact]
    public void A_broken_rule_is_an_error_that_names_it()
    {
        Invariant.Holds(true, "holds");

        var error = Assert.Throws<InvariantBrokenException>(() => Invariant.Holds(false, "a lease ends once"));

        Assert.Contains("a lease ends once", error.Message, StringComparison.Ordinal);
    }
}
