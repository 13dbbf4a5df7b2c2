using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Pop;

/// <summary>What becomes of popped messages that fail beside others.</summary>
public sealed class PopFailureTests
{
    private readonly PopLab _lab = new() { Options = { ConsumeBatchSize = 2 } };

    [Fact]
    public void What_fails_behind_a_dead_letter_that_no_broker_takes_is_given_back_all_the_same()
    {
        _lab.Brokers.Faults["sendback"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Brokers.Faults["copy"] = static () => FakeBrokers.Refusal(ResponseCodes.SystemError);
        _lab.Fails = static message => PopLab.NumberOf(message) == 0
            ? new FailedMessage(0, FailedMessage.ToDeadLetters, "never")
            : new FailedMessage(0, 0, "later");
        _lab.Pops.Store(2);
        _lab.Start().Wait(0.5);

        _lab.Brokers.Faults.Clear();
        _lab.Wait(5);

        Assert.Equal(1, Assert.Single(_lab.Pops.Changed).Message);
        Assert.Equal([0], _lab.Pops.Acknowledged);
    }
}
