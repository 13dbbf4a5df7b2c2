using System.Collections.Concurrent;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.Repositories;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// Keys that protect the forms of the dashboard, kept as long as the process: ASP.NET would write them into the home of
/// whoever runs it, at the first start. Thread-safe.
/// </summary>
internal sealed class FormKeys : IXmlRepository
{
    private readonly ConcurrentQueue<XElement> _keys = new();

    public static void AddTo(IServiceCollection services)
        => services.AddDataProtection().Services.Configure<KeyManagementOptions>(options => options.XmlRepository = new FormKeys());

    public IReadOnlyCollection<XElement> GetAllElements() => [.. _keys];

    public void StoreElement(XElement element, string friendlyName) => _keys.Enqueue(element);
}
