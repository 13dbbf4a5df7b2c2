using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace OrleansRocketMQ.SiloHost.Support.Stores;

/// <summary>Redis on a free port of loopback, in a folder of its own. Starts with the first test of a class and ends with the last.</summary>
public sealed class RedisServer : IAsyncLifetime
{
    private readonly TestFolder _folder = new();
    private readonly int _port = FreePorts.Take(1)[0];
    private RunningProgram? _server;

    public int Port => _port;

    public string ConnectionString => $"127.0.0.1:{_port}";

    public async Task InitializeAsync()
    {
        if (Binaries.Redis is not { } redis)
        {
            return; // The tests say so.
        }

        _server = RunningProgram.StartCommand([redis, "--bind", "127.0.0.1", "--port", $"{_port}", "--dir", _folder.Path, "--save", "", "--appendonly", "no"]);
        await Eventually.TrueAsync(AnswersAsync, () => $"Redis answers. It printed:{Environment.NewLine}{_server.Everything}");
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            _server.Terminate();
            await _server.UntilEndedAsync();
            await _server.DisposeAsync();
        }

        _folder.Dispose();
    }

    /// <summary>It does nothing from here on, and keeps its connections.</summary>
    public void Suspend() => _server!.Suspend();

    /// <summary>Ends a <see cref="Suspend"/>.</summary>
    public void Resume() => _server!.Resume();

    /// <summary>Sends a command.</summary>
    /// <returns>The first line of the answer.</returns>
    public async Task<string?> AskAsync(params string[] command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", _port);
        var stream = client.GetStream();
        var request = new StringBuilder($"*{command.Length}\r\n");
        foreach (var part in command)
        {
            request.Append(CultureInfo.InvariantCulture, $"${Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n");
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToString()));
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadLineAsync();
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await AskAsync("PING") == "+PONG";
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            return false;
        }
    }
}
