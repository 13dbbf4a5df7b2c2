using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>A queue's checkpoint in the file a silo without other storage keeps it in.</summary>
internal sealed class CheckpointTarget : FuzzTarget
{
    private static readonly string Folder = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
    private readonly Lazy<(FileGrainStorage Storage, string File)> _storage = new(Open);

    public override string Name => "checkpoints";

    public override IReadOnlyList<string> Decoders => [nameof(StoredCheckpoint)];

    public override double TakenOf1000 => 1;

    public override IReadOnlyList<byte[]> Words { get; } =
        [.. new[] { "null", "{}", "[]", "\"", ",", ":", "-1", "9223372036854775808", "unfinished", "state", "eTag" }.Select(Encoding.UTF8.GetBytes)];

    public override IEnumerable<byte[]> Seeds() => new[]
    {
        """{"eTag":"1","state":{"topic":"t","broker":"b","queueId":1,"committed":5,"watermark":7,"seenTo":20,"unfinished":[7,9,12],"newestOffset":19}}""",
        """{"eTag":"1","state":{}}""", "{}", "",
    }.Select(Encoding.UTF8.GetBytes);

    public override bool Accepts(byte[] input)
    {
        var (storage, file) = _storage.Value;
        File.WriteAllBytes(file, input);
        var state = new Record();
        // Files of this size are read at once; nothing waits.
        storage.ReadStateAsync("checkpoint", Grain, state).GetAwaiter().GetResult();
        Must(state.State is not null && state.RecordExists == (state.ETag is not null), "a record of nothing");
        return state.RecordExists;
    }

    private static GrainId Grain { get; } = GrainId.Create("queue", "fuzz");

    private static (FileGrainStorage Storage, string File) Open()
    {
        var folder = Path.Join(Folder, $"orleansrocketmq-fuzz-{Environment.ProcessId}");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        var storage = new FileGrainStorage(folder, NullLogger<FileGrainStorage>.Instance);
        storage.WriteStateAsync("checkpoint", Grain, new Record()).GetAwaiter().GetResult();
        return (storage, Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories).Single());
    }

    private sealed class Record : IGrainState<StoredCheckpoint>
    {
        [AllowNull]
        public StoredCheckpoint State { get; set; } = new();

        public string? ETag { get; set; }

        public bool RecordExists { get; set; }
    }
}
