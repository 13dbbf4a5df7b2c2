using System.Globalization;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

/// <summary>Whatever members do with what they pop: nothing is lost, nothing that is done comes again, nothing is in two hands.</summary>
public class PopPropertyTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public async Task Every_message_is_in_one_hand_at_most_and_is_done_once(int seed, bool isV2)
    {
        await using var test = await TestBroker.StartAsync(options => options with { EnableRetryTopicV2 = isV2 });
        var member = await PopClient.ConnectAsync(test);
        var run = new Run(test, member, new Random(seed));
        for (var step = 0; step < 400; step++)
        {
            await run.StepAsync();
        }

        await run.FinishAsync();
    }

    private sealed class Run(TestBroker test, PopClient member, Random random)
    {
        private readonly Dictionary<string, MessageExt> _inHand = [];
        private readonly Dictionary<string, ReceiptHandle> _handles = [];
        private readonly List<ReceiptHandle> _replaced = [];
        private readonly HashSet<string> _done = [];
        private int _sent;

        public Task StepAsync() => random.Next(10) switch
        {
            0 or 1 => SendAsync(),
            2 or 3 or 4 => PopAsync(random.Next(1, 8)),
            5 or 6 => AckAsync(random.Next(1, 4)),
            7 => ChangeAsync(),
            8 => AckReplacedAsync(),
            _ => PassAsync(TimeSpan.FromMilliseconds(random.Next(4000))),
        };

        /// <summary>Does what is left.</summary>
        public async Task FinishAsync()
        {
            for (var round = 0; round < 100 && _done.Count < _sent; round++)
            {
                await PassAsync(TimeSpan.FromSeconds(1));
                await PopAsync(32);
                await AckAsync(int.MaxValue);
            }

            Assert.Equal((_sent, 0), (_done.Count, test.Broker.PoppedMessages("g", "orders")));
            await PassAsync(TimeSpan.FromMinutes(5));
            await PopAsync(32);
            Assert.Empty(_inHand);
        }

        private async Task SendAsync()
        {
            for (var count = random.Next(1, 6); count > 0; count--)
            {
                var body = _sent++.ToString(CultureInfo.InvariantCulture);
                (await member.Client.SendAsync("orders", body, queueId: random.Next(3))).Succeeded();
            }
        }

        private async Task PopAsync(int max)
        {
            if (_sent == 0)
            {
                return;
            }

            foreach (var message in await member.TakeAsync(max: max, invisible: TimeSpan.FromMilliseconds(random.Next(500, 10_000))))
            {
                Assert.DoesNotContain(message.Text(), _done);
                Assert.True(_inHand.TryAdd(message.Text(), message), $"{message.Text()} is in two hands");
                _handles[message.Text()] = message.ReceiptHandle!.Value;
            }
        }

        private async Task AckAsync(int most)
        {
            var some = _inHand.Keys.Take(most).ToList();
            foreach (var body in some)
            {
                (await member.AckAsync(_handles[body])).Succeeded();
                _done.Add(body);
                Drop(body);
            }
        }

        private async Task ChangeAsync()
        {
            if (_inHand.Count > 0)
            {
                var body = _inHand.Keys.ElementAt(random.Next(_inHand.Count));
                _replaced.Add(_handles[body]);
                _handles[body] = (await member.ChangeAsync(_handles[body], TimeSpan.FromMilliseconds(random.Next(500, 10_000))))!.Value;
            }
        }

        // Of those it must make no difference.
        private async Task AckReplacedAsync()
        {
            foreach (var handle in _replaced)
            {
                (await member.AckAsync(handle)).Succeeded();
            }

            _replaced.Clear();
        }

        private Task PassAsync(TimeSpan time)
        {
            test.Time.Advance(time);
            foreach (var body in _inHand.Keys.Where(body => _handles[body].VisibleTime <= member.Now).ToList())
            {
                Drop(body);
            }

            return Task.CompletedTask;
        }

        private void Drop(string body)
        {
            _inHand.Remove(body);
            _handles.Remove(body);
        }
    }
}
