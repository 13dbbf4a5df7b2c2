namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>A test that needs Chromium on this machine; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BrowserFactAttribute : FactAttribute
{
    private static readonly string[] s_places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    public BrowserFactAttribute() => Skip = Chromium is null ? $"No Chromium at {string.Join(", ", s_places)}; CHROMIUM_PATH can name another." : null;

    public static string? Chromium { get; } = new[] { Environment.GetEnvironmentVariable("CHROMIUM_PATH") }.Concat(s_places).FirstOrDefault(File.Exists);
}
