namespace OrleansRocketMQ.SiloHost.Checking;

/// <summary>
/// What a check found, a line each, and the exit code that follows: the first in the order place, settings, reachability,
/// anything else.
/// </summary>
internal sealed class CheckReport(TextWriter output)
{
    // What keeps a host from starting counts more than what it would wait for.
    private static readonly int[] s_byWeight =
    [
        Errors.ExitCode.Success,
        Errors.ExitCode.Failure,
        Errors.ExitCode.Unreachable,
        Errors.ExitCode.BadConfiguration,
        Errors.ExitCode.OutsidePod,
    ];

    public int ExitCode { get; private set; }

    public void Ok(string text) => output.WriteLine($"ok      {text}");

    public void Failed(string text, int exitCode)
    {
        output.WriteLine($"FAILED  {text}");
        ExitCode = Array.IndexOf(s_byWeight, exitCode) > Array.IndexOf(s_byWeight, ExitCode) ? exitCode : ExitCode;
    }
}
