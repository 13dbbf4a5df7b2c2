using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard.Responses;

/// <summary>Answers in JSON, by generated code.</summary>
internal static class DashboardResults
{
    public static IResult Json<T>(T value, JsonTypeInfo<T> type) => Results.Json(value, type);

    public static IResult Problem(int status, string reason)
        => Results.Json(new ProblemView(reason), DashboardJson.Default.ProblemView, statusCode: status);
}
