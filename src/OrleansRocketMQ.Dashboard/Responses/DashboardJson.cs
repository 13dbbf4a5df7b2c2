using System.Text.Json.Serialization;
using OrleansRocketMQ.Dashboard.Actions;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard.Responses;

/// <summary>Everything that goes over the wire, read and written by generated code.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(DashboardView))]
[JsonSerializable(typeof(SessionView))]
[JsonSerializable(typeof(ProblemView))]
[JsonSerializable(typeof(LetterBodyView))]
[JsonSerializable(typeof(LettersView))]
[JsonSerializable(typeof(ParkedMessagePage))]
[JsonSerializable(typeof(ActionRequest))]
[JsonSerializable(typeof(ActionResponse))]
internal sealed partial class DashboardJson : JsonSerializerContext;
