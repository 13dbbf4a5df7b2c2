using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Framing;

/// <summary>The names of topics and groups in the header of a frame, with a tenant's namespace and without.</summary>
internal static class NamespaceFields
{
    // Header fields that hold the name of a topic or a group, whatever the request.
    private static readonly string[] NameFields = ["topic", "consumerGroup", "producerGroup", "group", "originTopic"];

    // In the short form of a send: the group of the producer and the topic.
    private static readonly string[] SendFields = ["a", "b"];

    /// <summary>Puts the namespace before the names of a request.</summary>
    public static void WrapFields(this ClientNamespace names, RemotingCommand request) => Change(names, request, names.Wrap);

    /// <summary>Takes the namespace from the names of a request.</summary>
    public static void UnwrapFields(this ClientNamespace names, RemotingCommand request) => Change(names, request, names.Unwrap);

    private static void Change(ClientNamespace names, RemotingCommand request, Func<string, string> change)
    {
        if (names.IsNone)
        {
            return;
        }

        foreach (var field in request.Code is RequestCodes.SendMessageV2 or RequestCodes.SendBatchMessage ? SendFields : NameFields)
        {
            if (request[field] is { } name)
            {
                request.Set(field, change(name));
            }
        }
    }
}
