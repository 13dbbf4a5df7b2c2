using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace Checkout;

/// <summary>The shop: a silo in a process of its own, with its state in files, that may be killed at any time.</summary>
internal sealed class Shop : IDisposable
{
    private readonly string[] _arguments;
    private Process _process;
    private bool _isDisposed;

    /// <param name="nameServer">Where it consumes.</param>
    /// <param name="folder">Where its state is.</param>
    /// <param name="siloPort">Its ports.</param>
    /// <param name="gatewayPort">Its ports.</param>
    public Shop(string nameServer, string folder, int siloPort, int gatewayPort)
    {
        _arguments =
        [
            "shop", nameServer, folder, siloPort.ToString(CultureInfo.InvariantCulture), gatewayPort.ToString(CultureInfo.InvariantCulture),
        ];
        _process = Start();
    }

    /// <summary>Ends the process as a power failure would, and starts another.</summary>
    public async Task KillAndStartAgainAsync()
    {
        Kill();
        await Task.Delay(TimeSpan.FromMilliseconds(200)); // Its ports are free again.
        _process = Start();
    }

    /// <summary>Leaves no process behind. May be called again.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            Kill();
        }
    }

    private void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>What the process does.</summary>
    /// <param name="arguments">As above, without the first.</param>
    public static Task RunAsync(string[] arguments)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(
                int.Parse(arguments[2], CultureInfo.InvariantCulture), int.Parse(arguments[3], CultureInfo.InvariantCulture), clusterId: "shop", serviceId: "shop")
            .AddRocketMQ(rocketmq => rocketmq
                .UseNameServer(arguments[0])
                .UseFileStorage() // Any storage of Orleans will do.
                .Configure(options =>
                {
                    options.OffsetStorePath = arguments[1];
                    options.PollNameServerInterval = TimeSpan.FromSeconds(1); // Sees new topics soon.
                })
                .AddConsumer<Customer>(Customer.Group, consumer => consumer
                    .Subscribe(Customer.Topic)
                    .Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset))));
        return builder.Build().RunAsync();
    }

    private Process Start()
    {
        var program = Environment.ProcessPath!;
        string[] itself = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(Shop).Assembly.Location] : [];
        return Process.Start(new ProcessStartInfo(program, [.. itself, .. _arguments]))!;
    }
}
