using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Faults;

/// <summary>A listener that writes into what it was given to read.</summary>
public sealed class HostileListenerTests
{
    private const int Messages = 60;

    [Fact]
    public async Task A_listener_that_overwrites_its_messages_spoils_them_for_nobody_and_gets_them_whole_when_they_come_again()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var spoiler = rocketmq.MyGroup + "_spoiler";
        var (first, again) = (new ConcurrentBag<string>(), new ConcurrentBag<string>());
        ScriptedListener.Script(rocketmq.MyGroup, rocketmq.Recorder.Succeed());
        ScriptedListener.Script(spoiler, (messages, _, _) =>
        {
            foreach (var message in messages)
            {
                (message.ReconsumeTimes == 0 ? first : again).Add(Encoding.UTF8.GetString(message.Body.Span));
                MemoryMarshal.AsMemory(message.Body).Span.Fill((byte)'x');
            }

            return ValueTask.FromResult(messages[0].ReconsumeTimes == 0 ? ConsumeResult.ReconsumeLater : ConsumeResult.Success);
        });
        await using var cluster = await TestCluster.StartAsync(rocketmq.Embedded.NameServerAddress, builder =>
        {
            DeclaredListeners.HideIn(builder.Services);
            foreach (var group in new[] { rocketmq.MyGroup, spoiler })
            {
                builder.AddConsumer<ScriptedListener>(group, consumer => consumer
                    .Subscribe(TestRocketMQ.Topic)
                    .Configure(options => (options.ConsumeFromWhere, options.PullBatchSize) = (ConsumeFromWhere.FirstOffset, 16)));
            }
        });

        await rocketmq.SendAsync(Messages);
        await rocketmq.UntilAllCameAsync(Messages);
        await Eventually.TrueAsync(() => again.Count >= Messages, "all come again");

        var sent = Enumerable.Range(0, Messages).Select(number => $"{number}").Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(sent, rocketmq.Recorder.Deliveries.Select(delivery => delivery.Body).Order(StringComparer.Ordinal));
        Assert.Equal(sent, first.Order(StringComparer.Ordinal));
        Assert.Equal(sent, again.Order(StringComparer.Ordinal));
    }
}
