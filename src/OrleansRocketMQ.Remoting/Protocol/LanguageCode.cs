namespace OrleansRocketMQ.Protocol;

/// <summary>The language of the program that wrote a frame, as in <c>org.apache.rocketmq.remoting.protocol.LanguageCode</c>.</summary>
public enum LanguageCode : byte
{
#pragma warning disable CS1591 // The names are the documentation.
    Java = 0,
    Cpp = 1,
    DotNet = 2,
    Python = 3,
    Delphi = 4,
    Erlang = 5,
    Ruby = 6,
    Other = 7,
    Http = 8,
    Go = 9,
    Php = 10,
    Oms = 11,
    Rust = 12,
    NodeJs = 13,
#pragma warning restore CS1591
}

internal static class LanguageCodes
{
    private static readonly string[] Names =
        ["JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS"];

    public static string NameOf(LanguageCode code) => (int)code < Names.Length ? Names[(int)code] : "OTHER";

    // A newer peer may know more languages than we do; none of our decisions depends on it.
    public static LanguageCode Parse(string? name)
    {
        var index = Array.IndexOf(Names, name);
        return index < 0 ? LanguageCode.Other : (LanguageCode)index;
    }

    public static LanguageCode FromByte(byte code) => code < Names.Length ? (LanguageCode)code : LanguageCode.Other;
}
