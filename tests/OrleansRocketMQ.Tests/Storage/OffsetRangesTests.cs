using OrleansRocketMQ.DeadLetters;

namespace OrleansRocketMQ.Tests.Storage;

/// <summary>Ranges say of every offset what a set would, and take no more room than there are gaps.</summary>
public sealed class OffsetRangesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Ranges_are_a_set(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 20; round++)
        {
            var (ranges, set) = (new List<long>(), new HashSet<long>());
            for (var step = 0; step < 60; step++)
            {
                var offset = random.Next(40);
                if (random.Next(12) == 0)
                {
                    OffsetRanges.RemoveBelow(ranges, offset);
                    set.RemoveWhere(known => known < offset);
                }
                else
                {
                    OffsetRanges.Add(ranges, offset);
                    set.Add(offset);
                }

                for (var asked = 0; asked <= 41; asked++)
                {
                    Assert.Equal(set.Contains(asked), OffsetRanges.Contains(ranges, asked));
                    Assert.Equal(set.Count(known => known < asked), OffsetRanges.CountBelow(ranges, asked));
                    Assert.Equal(Enumerable.Range(asked, 100).First(next => !set.Contains(next)), OffsetRanges.FirstGap(ranges, asked));
                }

                Assert.Equal(2 * set.Count(known => !set.Contains(known - 1)), ranges.Count);
            }
        }
    }

    [Fact]
    public void A_hundred_thousand_letters_behind_one_that_stays_are_one_range()
    {
        var ranges = new List<long>();
        for (var offset = 1; offset <= 100_000; offset++)
        {
            OffsetRanges.Add(ranges, offset);
        }

        Assert.Equal([1, 100_001], ranges);
    }
}
