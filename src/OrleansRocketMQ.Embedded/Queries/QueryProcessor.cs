using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Queries;

/// <summary>Finds messages by a key, or by the id their producer gave. Mirrors <c>QueryMessageProcessor.queryMessage</c>.</summary>
internal sealed class QueryProcessor(MessageStore store)
{
    // Of RocketMQ: maxMsgsNumBatch, and defaultQueryMaxNum for a question by id.
    private const int Most = 64;
    private const int MostById = 32;

    private readonly KeyIndex _index = new(store);

    public void AddTo(RequestTable table) => table.Add(RequestCodes.QueryMessage, (_, request) => Query(request));

    private RemotingCommand Query(RemotingCommand request)
    {
        var most = request["_UNIQUE_KEY_QUERY"] == "true" ? MostById : Math.Min(Most, request.GetInt32("maxNum"));
        var found = _index.Find(
            request["topic"] ?? string.Empty,
            request["key"] ?? string.Empty,
            most,
            request.GetInt64("beginTimestamp"),
            request.GetInt64("endTimestamp"));
        var response = found.Count > 0
            ? RemotingCommand.Response(request, ResponseCodes.Success, body: Join(found))
            : RemotingCommand.Response(
                request, ResponseCodes.QueryNotFound, "can not find message, maybe time range not correct");
        return response.Set("indexLastUpdateTimestamp", store.Now).Set("indexLastUpdatePhyoffset", store.MaxLogOffset);
    }

    private static byte[] Join(IReadOnlyList<ReadOnlyMemory<byte>> records)
    {
        var joined = new byte[records.Sum(record => record.Length)];
        var end = 0;
        foreach (var record in records)
        {
            record.CopyTo(joined.AsMemory(end));
            end += record.Length;
        }

        return joined;
    }
}
