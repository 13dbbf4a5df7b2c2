using System.Text;
using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Embedded.Filtering;

namespace OrleansRocketMQ.Tests.Sql;

public class SqlPropertyTests
{
    private static readonly string[] Names = ["a", "b", "c"];

    private static readonly Gen<string> Operand = Gen.OneOf(
        Gen.Elements(Names),
        Gen.Choose(0, 9).Select(number => $"{number}"),
        Gen.Elements("'x'", "'y'", "'it''s'", "2.5", "TRUE", "FALSE"));

    private static readonly Gen<string> Condition = Gen.Sized(size => ConditionOf(Math.Min(size, 4)));

    private static readonly Gen<byte[]> Properties =
        from values in Gen.Elements(null, "1", "5", "x", "y", "true", "it's", "2.5").ArrayOf(Names.Length)
        select Encoding.UTF8.GetBytes(MessageProperties.Encode(
            Names.Zip(values, (name, value) => KeyValuePair.Create(name, value!)).Where(pair => pair.Value is not null)));

    [Fact]
    public void What_is_printed_means_the_same_when_read_again() => Prop
        .ForAll(Condition.ToArbitrary(), Properties.ToArbitrary(), (text, properties) =>
        {
            if (TryParse(text) is not { } condition)
            {
                return true;
            }

            var again = SqlParser.Parse(condition.ToString()!);
            return Same(condition.Evaluate(properties), again.Evaluate(properties));
        })
        .QuickCheckThrowOnFailure();

    [Fact]
    public void AND_and_OR_are_those_of_three_valued_logic() => Prop
        .ForAll(Condition.ToArbitrary(), Condition.ToArbitrary(), Properties.ToArbitrary(), (left, right, properties) =>
        {
            if (TryParse(left) is not { } first || TryParse(right) is not { } second
                || first.Evaluate(properties) is not (bool or null) || second.Evaluate(properties) is not (bool or null))
            {
                return true;
            }

            var a = (bool?)first.Evaluate(properties);
            var b = (bool?)second.Evaluate(properties);
            return Same(a & b, SqlParser.Parse($"({left}) AND ({right})").Evaluate(properties))
                && Same(a | b, SqlParser.Parse($"({left}) OR ({right})").Evaluate(properties))
                && Same(!a, SqlParser.Parse($"NOT ({left})").Evaluate(properties));
        })
        .QuickCheckThrowOnFailure();

    [Fact]
    public void Any_text_is_either_read_or_refused_with_the_one_error() => Prop
        .ForAll<string>(text =>
        {
            _ = TryParse(text ?? string.Empty)?.Evaluate([]);
            return true;
        })
        .QuickCheckThrowOnFailure();

    [Fact]
    public void Whole_numbers_compare_as_numbers() => Prop
        .ForAll<int, int>((property, constant) =>
        {
            var properties = Encoding.UTF8.GetBytes($"a\u0001{property}\u0002");
            return Math.Abs((long)constant) > int.MaxValue
                || (new SqlComparisonCase("<", property < constant).Holds(constant, properties)
                    && new SqlComparisonCase("<=", property <= constant).Holds(constant, properties)
                    && new SqlComparisonCase(">", property > constant).Holds(constant, properties)
                    && new SqlComparisonCase(">=", property >= constant).Holds(constant, properties)
                    && new SqlComparisonCase("=", property == constant).Holds(constant, properties)
                    && new SqlComparisonCase("<>", property != constant).Holds(constant, properties));
        })
        .QuickCheckThrowOnFailure();

    private static Gen<string> ConditionOf(int depth)
    {
        var leaf = Gen.OneOf(
            from left in Operand from symbol in Gen.Elements("=", "<>", "<", ">", "<=", ">=") from right in Operand select $"{left} {symbol} {right}",
            from name in Gen.Elements(Names) from not in Gen.Elements(string.Empty, "NOT ") select $"{name} IS {not}NULL",
            from name in Gen.Elements(Names) from not in Gen.Elements(string.Empty, "NOT ") select $"{name} {not}IN ('x', 'y')",
            from name in Gen.Elements(Names) from not in Gen.Elements(string.Empty, "NOT ") select $"{name} {not}BETWEEN 2 AND 7",
            from name in Gen.Elements(Names) from word in Gen.Elements("CONTAINS", "STARTSWITH", "NOT ENDSWITH") select $"{name} {word} 'x'",
            Gen.Elements("TRUE", "FALSE", "a"));
        return depth == 0
            ? leaf
            : Gen.Frequency(
                (2, leaf),
                (1, from left in ConditionOf(depth - 1) from word in Gen.Elements("AND", "OR") from right in ConditionOf(depth - 1) select $"({left}) {word} ({right})"),
                (1, from inner in ConditionOf(depth - 1) select $"NOT ({inner})"));
    }

    private static SqlNode? TryParse(string text)
    {
        try
        {
            return SqlParser.Parse(text);
        }
        catch (SqlFilterException)
        {
            return null;
        }
    }

    private static bool Same(object? first, object? second) => Equals(first, second);

    private sealed record SqlComparisonCase(string Symbol, bool Expected)
    {
        public bool Holds(int constant, byte[] properties)
            => Same(Expected, SqlParser.Parse($"a {Symbol} {constant}").Evaluate(properties));
    }
}
