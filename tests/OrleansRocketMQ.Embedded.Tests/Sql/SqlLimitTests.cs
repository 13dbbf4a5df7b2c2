using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Embedded.Filtering;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests;

public class SqlLimitTests
{
    public static TheoryData<string> Endless =>
    [
        "parentheses",
        "negations",
        "NOT",
        "equalities",
        "IS NULL",
        "ORs",
    ];

    [Theory]
    [MemberData(nameof(Endless))]
    public async Task An_expression_too_deep_or_too_long_is_refused_and_the_broker_lives_on(string kind)
    {
        await using var test = await TestBroker.StartAsync();
        var client = await test.ConnectAsync();
        await client.SendAsync("orders", "x");
        var expression = kind switch
        {
            "parentheses" => new string('(', 200_000),
            "negations" => "a > " + new string('-', 200_000).Replace("-", "- ", StringComparison.Ordinal) + "1",
            "NOT" => string.Concat(Enumerable.Repeat("NOT ", 50_000)) + "TRUE",
            "equalities" => "a" + string.Concat(Enumerable.Repeat("=b", 4_000)),
            "IS NULL" => "a" + string.Concat(Enumerable.Repeat(" IS NULL", 4_000)),
            _ => "a=1" + string.Concat(Enumerable.Repeat(" OR a=1", 150_000)),
        };
        var check = new CheckClientRequest { ClientId = "c", Group = "g", SubscriptionData = TestClient.Sql("orders", expression) };

        var answer = await client.InvokeAsync(
            RequestCodes.CheckClientConfig, JsonSerializer.SerializeToUtf8Bytes(check, ProtocolJson.Default.CheckClientRequest));

        answer.FailedWith(ResponseCodes.SubscriptionParseFailed);
        Assert.Equal(["x"], (await client.PullAsync("g", "orders", 0)).Bodies());
    }

    [Theory]
    [InlineData("OR")]
    [InlineData("AND")]
    public void A_list_of_two_thousand_conditions_is_read_evaluated_and_printed(string word)
    {
        var expression = string.Join($" {word} ", Enumerable.Repeat(word == "OR" ? "a = '2'" : "a = '1'", 2_000)) + $" {word} a = '1'";
        var condition = SqlParser.Parse(expression);

        Assert.Equal(true, condition.Evaluate(Encoding.UTF8.GetBytes("a\u00011\u0002")));
        Assert.Contains(word, condition.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_hundred_parentheses_are_read()
        => Assert.Equal(true, SqlParser.Parse(new string('(', 200) + "a = '1'" + new string(')', 200)).Evaluate(Encoding.UTF8.GetBytes("a\u00011\u0002")));
}
