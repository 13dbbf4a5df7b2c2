using System.Text;

namespace OrleansRocketMQ.Tests.Messages;

public class BodyChecksumTests
{
    [Theory]
    [InlineData("", 0)]
    [InlineData("123456789", 0x4BF43926)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x414FA339)]
    public void It_is_CRC_32_without_its_highest_bit(string text, int expected)
        => Assert.Equal(expected, BodyChecksum.Compute(Encoding.ASCII.GetBytes(text)));
}
