namespace OrleansRocketMQ.Docs.House;

/// <summary>The rules find what breaks them, and nothing else.</summary>
public sealed class HouseRuleTests
{
    [Fact]
    public void A_file_is_too_long_from_its_401st_line()
    {
        Assert.Empty(Broken("files", new SourceFile("A.cs", Lines(400))));
        Assert.Equal("A.cs has 401 lines", Assert.Single(Broken("files", new SourceFile("A.cs", Lines(401)))));

        static string Lines(int count) => string.Concat(Enumerable.Repeat("// line\n", count));
    }

    [Fact]
    public void A_line_is_too_long_from_its_141st_column()
    {
        Assert.Empty(Broken("lines", new SourceFile("A.cs", new string('/', 140))));
        Assert.Equal("A.cs:2 has 141 columns", Assert.Single(Broken("lines", new SourceFile("A.cs", "\n" + new string('/', 141)))));
    }

    [Fact]
    public void A_member_is_too_long_from_its_61st_line_and_what_is_said_above_it_does_not_count()
    {
        Assert.Empty(Broken("members", new SourceFile("A.cs", Method(60))));
        Assert.Equal("A.cs:4 has 61 lines", Assert.Single(Broken("members", new SourceFile("A.cs", Method(61)))));

        static string Method(int lines)
            => $"class A\n{{\n/// <summary>Says something.</summary>\nvoid M()\n{{{new string('\n', lines - 2)}}}\n}}";
    }

    [Fact]
    public void Folders_that_name_each_other_over_a_third_are_a_circle_and_one_that_is_only_named_is_not()
    {
        var found = Broken(
            "circles",
            new SourceFile("One/A.cs", "class A { B? _b; D? _d; }"),
            new SourceFile("Two/B.cs", "class B { System.Type M() => typeof(C); }"),
            new SourceFile("Three/C.cs", "class C { void M() { A.N(); } }"),
            new SourceFile("Four/D.cs", "class D;"));

        Assert.Equal(
            ["One -> Two: One/A.cs names B", "Three -> One: Three/C.cs names A", "Two -> Three: Two/B.cs names C"],
            found);
    }

    [Fact]
    public void What_is_only_called_like_a_type_is_none_of_its_folder()
    {
        var map = new FolderMap(
        [
            new("One/A.cs", "class A;"),
            new("Two/B.cs", "using A; namespace X.A; class B { int N(B b) { b.A(); _ = new B { A = 1 }; M(A: 1); A(); return b?.A ?? 0; } }"),
        ]);

        Assert.Empty(map.Arrows);
    }

    [Theory]
    [InlineData("[A] class B;")]
    [InlineData("class B : Base<A>;")]
    [InlineData("class B { string M() => X.A.Name; }")]
    [InlineData("class B { X.A? _a; }")]
    public void A_type_is_found_wherever_it_is_named(string text)
    {
        var map = new FolderMap([new("One/A.cs", "namespace X; class A; class AAttribute;"), new("Two/B.cs", text)]);

        Assert.Equal(new Arrow("Two", "One"), Assert.Single(map.Arrows.Keys));
    }

    [Fact]
    public void A_name_of_several_folders_counts_for_none()
        => Assert.Empty(new FolderMap([new("One/A.cs", "class A;"), new("Two/A.cs", "class A;"), new("Three/B.cs", "class B : A;")]).Arrows);

    [Theory]
    [InlineData("Task.Run(x)")]
    [InlineData("Task.Factory.StartNew(x)")]
    [InlineData("Task.Delay(x)")]
    [InlineData("Task.Delay(x, cancellationToken)")]
    [InlineData("Task.Delay(x, TimeProvider.System)")]
    [InlineData("Parallel.ForEachAsync(x, y)")]
    [InlineData("new Timer(x)")]
    [InlineData("new System.Threading.Timer(x)")]
    [InlineData("new PeriodicTimer(x)")]
    [InlineData("new CancellationTokenSource(x)")]
    [InlineData("Random.Shared.Next()")]
    [InlineData("new Random()")]
    [InlineData("DateTime.UtcNow")]
    [InlineData("System.DateTimeOffset.Now")]
    [InlineData("Stopwatch.GetTimestamp()")]
    [InlineData("Environment.TickCount64")]
    public void What_takes_a_step_of_its_own_is_found(string call) => Assert.NotEmpty(CallsOf(call));

    [Theory]
    [InlineData("Task.Factory.StartNew(x, token, options, scheduler)")]
    [InlineData("Task.Delay(x, time)")]
    [InlineData("Task.Delay(x, _group.Time)")]
    [InlineData("Task.Delay(x, timeProvider, cancellationToken)")]
    [InlineData("new PeriodicTimer(x, time)")]
    [InlineData("time.CreateTimer(x, y, z, w)")]
    [InlineData("new CancellationTokenSource()")]
    [InlineData("new CancellationTokenSource(x, time)")]
    [InlineData("new Random(7)")]
    [InlineData("time.GetUtcNow()")]
    [InlineData("message.Task.Result")]
    [InlineData("\"Task.Run\" /* DateTime.UtcNow */")]
    public void What_is_handed_in_is_not(string call) => Assert.Empty(CallsOf(call));

    [Theory]
    [InlineData("PeriodicTimer", "x")]
    [InlineData("Random", "")]
    [InlineData("Timer?", "x")]
    public void A_new_that_does_not_name_its_type_is_found(string type, string arguments)
    {
        Assert.NotEmpty(Broken("calls", new SourceFile("A.cs", $"class A {{ {type} _a = new({arguments}); }}")));
        Assert.NotEmpty(Broken("calls", new SourceFile("A.cs", $"class A {{ void M() {{ {type} a = new({arguments}); }} }}")));
        Assert.NotEmpty(Broken("calls", new SourceFile("A.cs", $"class A {{ {type} P {{ get; }} = new({arguments}); }}")));
    }

    [Fact]
    public void ConfigureAwait_is_counted_as_often_as_it_stands_there() => Assert.Equal(
        ["A.cs:1", "A.cs:2"],
        Broken("awaits", new SourceFile("A.cs", "class A { async Task M() { await a.ConfigureAwait(false);\nawait b.ConfigureAwait(true); } }")));

    private static List<string> CallsOf(string call) => Broken("calls", new SourceFile("A.cs", $"class A {{ object M() => {call}; }}"));

    private static List<string> Broken(string rule, params SourceFile[] files) => [.. HouseRule.All.Single(one => one.Name == rule).Broken(files)];
}
