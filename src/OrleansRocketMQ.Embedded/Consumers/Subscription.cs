using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Consumers;

/// <summary>What a group wants of a topic, ready to filter by.</summary>
internal sealed class Subscription
{
    private Subscription(SubscriptionData data, MessageFilter? filter)
    {
        Data = data;
        Filter = filter;
    }

    public SubscriptionData Data { get; }

    /// <summary>Null when the expression cannot be read.</summary>
    public MessageFilter? Filter { get; }

    public bool IsTag => IsTagType(Data.ExpressionType);

    /// <summary>RocketMQ takes no type at all for a tag expression.</summary>
    public static bool IsTagType(string? expressionType)
        => string.IsNullOrEmpty(expressionType) || expressionType == SubscriptionData.TagType;

    /// <summary>Takes a subscription of a heartbeat; one that cannot be read is kept without a filter.</summary>
    public static Subscription Of(SubscriptionData data)
    {
        if (IsTagType(data.ExpressionType))
        {
            return new(data, TagFilter.Of(data.SubString, data.CodeSet));
        }

        try
        {
            return new(data, Compile(data));
        }
        catch (SqlFilterException)
        {
            return new(data, null);
        }
    }

    /// <summary>Builds what a pull request itself says.</summary>
    /// <exception cref="RocketMQException">The expression cannot be read.</exception>
    public static Subscription Parse(string topic, string? expression, string? expressionType, long version)
    {
        if (!IsTagType(expressionType))
        {
            var sql = new SubscriptionData
            {
                Topic = topic,
                SubString = expression ?? string.Empty,
                ExpressionType = expressionType,
                SubVersion = version,
            };
            return new(sql, Compile(sql));
        }

        var data = SubscriptionData.From(topic, MessageSelector.ByTag(expression), version);
        return new(data, TagFilter.Of(data.SubString, data.CodeSet));
    }

    private static SqlFilter Compile(SubscriptionData data) => data.ExpressionType == SubscriptionData.Sql92Type
        ? SqlFilter.Compile(data.SubString)
        : throw new SqlFilterException($"no filter of type {data.ExpressionType} is known");
}
