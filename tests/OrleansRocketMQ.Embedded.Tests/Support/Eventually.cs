using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Tests.Support;

/// <summary>Waits for what another thread or the network is about to bring.</summary>
internal static class Eventually
{
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static async Task TrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string? what = null)
    {
        var until = DateTime.UtcNow + Deadline;
        while (!condition())
        {
            Assert.True(DateTime.UtcNow < until, $"Not within {Deadline.TotalSeconds} s: {what}");
            await Task.Delay(5);
        }
    }

    public static Task<T> WithinDeadline<T>(this Task<T> task) => task.WaitAsync(Deadline);

    public static Task WithinDeadline(this Task task) => task.WaitAsync(Deadline);
}
