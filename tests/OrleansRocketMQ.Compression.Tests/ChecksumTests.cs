using System.Text;
using OrleansRocketMQ.Compression.Checksums;

namespace OrleansRocketMQ.Tests;

public class ChecksumTests
{
    // Published test vectors; longer inputs are checked by every fixture that carries a checksum.
    [Theory]
    [InlineData("", 0x02CC5D05, 0xEF46DB3751D8E999)]
    [InlineData("a", 0x550D7456, 0xD24EC4F1A98C6E5B)]
    [InlineData("abc", 0x32D153FF, 0x44BC2CF5AD770999)]
    [InlineData("Nobody inspects the spammish repetition", 0xE2293B2F, 0xFBCEA83C8A378BF1)]
    public void xxHash_gives_the_published_values(string text, uint hash32, ulong hash64)
    {
        Assert.Equal(hash32, XxHash32.Of(Encoding.ASCII.GetBytes(text)));
        Assert.Equal(hash64, XxHash64.Of(Encoding.ASCII.GetBytes(text)));
    }
}
