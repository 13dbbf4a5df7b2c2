using System.Globalization;
using Xunit.Abstractions;

namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>Starts a host again and again and tells it to stop a little later each time, until it had joined its cluster when it was told.</summary>
/// <param name="start">Starts a host.</param>
/// <param name="step">How much later each time.</param>
/// <param name="output">Where the times go.</param>
internal sealed class SignalSweep(Func<SiloHostProgram> start, TimeSpan step, ITestOutputHelper output)
{
    /// <summary>What is promised.</summary>
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(2);

    /// <summary>
    /// The program ends itself 1.5 s after the signal at the latest; mostly it needs 0.1 to 0.5 s, and 1.0 s were the longest seen
    /// at a load average of 10 on two cores. On busier ones its threads, the end of the process and the test get their turn late.
    /// </summary>
    private static readonly TimeSpan ForBusyCores = TimeSpan.FromSeconds(4);

    private const int Most = 60;

    /// <summary>How long an end may take that is told before the silo has joined.</summary>
    public static TimeSpan Limit => Promised + ForBusyCores;

    /// <param name="afterEachAsync">Looks at what a host has left behind; given whether it had joined.</param>
    public async Task RunAsync(Func<SiloHostProgram, bool, Task> afterEachAsync)
    {
        var calledOff = new List<double>();
        for (var number = 0; number < Most; number++)
        {
            await using var host = start();
            await host.Program.UntilItSeesSignalsAsync();
            await Task.Delay(step * number);

            var (exitCode, took) = await host.Program.StopAsync();

            var at = (step * number).TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture);
            var joined = host.Program.Output.Any(line => line.StartsWith("stopped; this host sent", StringComparison.Ordinal));
            output.WriteLine(FormattableString.Invariant($"signal at {at} s: ended after {took.TotalSeconds:0.00} s{(joined ? ", had joined" : string.Empty)}"));
            Assert.True(exitCode == 0, $"Told to stop after {at} s it ended with {exitCode}:{Environment.NewLine}{host.Program.Everything}");
            Assert.Empty(host.Program.Errors);
            await afterEachAsync(host, joined);
            if (joined)
            {
                output.WriteLine(FormattableString.Invariant($"{calledOff.Count} starts called off; longest {calledOff.Max():0.00} s, median {calledOff.Order().ElementAt(calledOff.Count / 2):0.00} s"));
                return;
            }

            Assert.True(took < Limit, $"Told to stop after {at} s it took {took.TotalSeconds} s:{Environment.NewLine}{host.Program.Everything}");
            Assert.DoesNotContain(host.Program.Output, line => line.Contains("   at ", StringComparison.Ordinal));
            calledOff.Add(took.TotalSeconds);
        }

        Assert.Fail($"The host had not joined after {step * Most}.");
    }
}
