using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansRocketMQ.Storage;

/// <summary>
/// Grain storage in files that people can read: one JSON file for each record, in folders named after the grain's key.
/// A record is replaced in one step; the one before it stays as <c>.bak</c> and is taken when the file is missing or
/// damaged. For one process at a time. Thread-safe.
/// </summary>
internal sealed partial class FileGrainStorage : IGrainStorage
{
    private const int LongestName = 100;
    private static readonly JsonSerializerOptions Readable = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly SemaphoreSlim[] _turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1, 1))];
    private readonly string _folder;
    private readonly ILogger _logger;

    /// <param name="folder">Where the files are; made when missing. A leading <c>~</c> is the user's home.</param>
    /// <param name="logger">The log.</param>
    public FileGrainStorage(string folder, ILogger<FileGrainStorage> logger)
    {
        _folder = folder == "~" || folder.StartsWith("~/", StringComparison.Ordinal)
            ? Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), folder[1..])
            : Path.GetFullPath(folder);
        _logger = logger;
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public Task ReadStateAsync<T>(
        string stateName,
        GrainId grainId,
        IGrainState<T> grainState,
        CancellationToken cancellationToken) => InTurnAsync(stateName, grainId, async path =>
    {
        var record = await ReadAsync<T>(path).ConfigureAwait(false) ?? await ReadAsync<T>(path + ".bak").ConfigureAwait(false);
        grainState.State = record is null ? Activator.CreateInstance<T>() : record.State;
        grainState.ETag = record?.ETag;
        grainState.RecordExists = record is not null;
    }, cancellationToken);

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public Task WriteStateAsync<T>(
        string stateName,
        GrainId grainId,
        IGrainState<T> grainState,
        CancellationToken cancellationToken) => InTurnAsync(stateName, grainId, async path =>
    {
        await CheckVersionAsync(path, grainState).ConfigureAwait(false);
        var record = new Record<T>(Guid.NewGuid().ToString("N"), grainState.State);
        await WriteAsync(path, record).ConfigureAwait(false);
        grainState.ETag = record.ETag;
        grainState.RecordExists = true;
    }, cancellationToken);

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public Task ClearStateAsync<T>(
        string stateName,
        GrainId grainId,
        IGrainState<T> grainState,
        CancellationToken cancellationToken) => InTurnAsync(stateName, grainId, async path =>
    {
        await CheckVersionAsync(path, grainState).ConfigureAwait(false);
        File.Delete(path + ".bak");
        File.Delete(path);
        grainState.State = Activator.CreateInstance<T>();
        grainState.ETag = null;
        grainState.RecordExists = false;
    }, cancellationToken);

    private async Task InTurnAsync(string stateName, GrainId grainId, Func<string, Task> work, CancellationToken cancellationToken)
    {
        var path = PathOf(stateName, grainId);
        var turn = _turns[(int)((uint)path.GetHashCode(StringComparison.Ordinal) % (uint)_turns.Length)];
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await work(path).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    private string PathOf(string stateName, GrainId grainId)
    {
        var key = grainId.Key.ToString()!.Split('/').Select(NameOf);
        return Path.Join([_folder, NameOf(grainId.Type.ToString()!), .. key.SkipLast(1), $"{key.Last()}.{NameOf(stateName)}.json"]);
    }

    /// <summary>The name as it is wherever a file system takes it; what it would not take is escaped, and what is too long cut.</summary>
    private static string NameOf(string name)
    {
        // A name of dots only would be a way out of the folder.
        var escaped = Uri.EscapeDataString(name).Replace(".", "%2E", StringComparison.Ordinal);
        if (escaped.Length == 0)
        {
            escaped = "%";
        }

        return escaped.Length <= LongestName
            ? escaped
            : $"{escaped[..(LongestName - 17)]}~{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..16]}";
    }

    private async Task CheckVersionAsync<T>(string path, IGrainState<T> grainState)
    {
        var stored = (await ReadAsync<T>(path).ConfigureAwait(false) ?? await ReadAsync<T>(path + ".bak").ConfigureAwait(false))?.ETag;
        if (stored != grainState.ETag)
        {
            throw new InconsistentStateException(
                $"The record in {path} was changed by somebody else.", stored ?? "(none)", grainState.ETag ?? "(none)");
        }
    }

    private async Task<Record<T>?> ReadAsync<T>(string path)
    {
        try
        {
            await using var file = new FileStream(
                path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 4096, useAsync: true);
            return await JsonSerializer.DeserializeAsync<Record<T>>(file, Readable).ConfigureAwait(false)
                is { ETag: not null, State: not null } record
                ? record
                : throw new JsonException("The record is incomplete.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException exception)
        {
            Log.Damaged(_logger, path, exception.Message);
            return null;
        }
    }

    private static async Task WriteAsync<T>(string path, Record<T> record)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var fresh = path + ".new";
        await using (var file = new FileStream(fresh, FileMode.Create, FileAccess.Write, FileShare.None, 4096, useAsync: true))
        {
            await JsonSerializer.SerializeAsync(file, record, Readable).ConfigureAwait(false);
            // On the disk before it takes the place of what is there.
            file.Flush(flushToDisk: true);
        }

        if (File.Exists(path))
        {
            File.Replace(fresh, path, path + ".bak");
        }
        else
        {
            File.Move(fresh, path);
        }
    }

    /// <param name="ETag">The version.</param>
    /// <param name="State">The state.</param>
    private sealed record Record<T>(string ETag, T? State);

    private static partial class Log
    {
        [LoggerMessage(211, LogLevel.Warning, "The record in {Path} cannot be read; the one before it is taken, if there is one: {Reason}")]
        public static partial void Damaged(ILogger logger, string path, string reason);
    }
}
