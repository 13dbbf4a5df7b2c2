namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>Registered last, it is asked when all others have found nothing wrong: the silo is built then, and not started yet.</summary>
internal sealed class LastValidator(IServiceProvider services, string file) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        SettingsInForce.Write(services, file);
        throw new WrittenException();
    }
}

/// <summary>Everything is written down; the host need not start.</summary>
internal sealed class WrittenException : Exception;
