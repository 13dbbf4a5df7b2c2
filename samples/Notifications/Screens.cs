namespace Notifications;

/// <summary>What each screen has shown, in which order. Thread-safe.</summary>
/// <param name="run">Tells the notices of this run from those that earlier ones left in the topic.</param>
internal sealed class Screens(string run)
{
    private readonly Lock _gate = new();
    private readonly List<(string Screen, string Notice)> _shown = [];

    public void Show(string screen, string notice)
    {
        if (!notice.EndsWith(run, StringComparison.Ordinal))
        {
            return;
        }

        Console.WriteLine($"  {screen}: {notice[..^run.Length].TrimEnd()}");
        lock (_gate)
        {
            _shown.Add((screen, notice));
        }
    }

    /// <summary>How often the screen has shown anything.</summary>
    public int CountOf(string screen)
    {
        lock (_gate)
        {
            return _shown.Count(entry => entry.Screen == screen);
        }
    }

    /// <summary>How many notices the screen has shown more than once.</summary>
    public int RepeatsOf(string screen)
    {
        lock (_gate)
        {
            return _shown.Where(entry => entry.Screen == screen).GroupBy(entry => entry.Notice).Count(notice => notice.Count() > 1);
        }
    }

    /// <summary>Waits until the screen has shown so many; false when that takes too long.</summary>
    public async Task<bool> WaitAsync(string screen, int count)
    {
        for (var deadline = DateTime.UtcNow.AddMinutes(1); CountOf(screen) < count; await Task.Delay(50))
        {
            if (DateTime.UtcNow > deadline)
            {
                return false;
            }
        }

        return true;
    }
}
