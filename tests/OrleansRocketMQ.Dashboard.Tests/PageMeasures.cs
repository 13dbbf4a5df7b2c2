using System.Text.Json;
using Microsoft.Playwright;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>Measures in the page what it does: nothing here is part of the dashboard.</summary>
internal static class PageMeasures
{
    // From an answer that is read to the end of the layout it brings: what the page does with it happens before the next task.
    private const string TickTimer = """
        window.ticks = []; window.longTasks = [];
        new PerformanceObserver(list => longTasks.push(...list.getEntries().map(entry => entry.duration))).observe({ type: 'longtask', buffered: true });
        const json = Response.prototype.json;
        Response.prototype.json = async function () {
          const isStatus = this.url.endsWith('api/status');
          const body = await json.call(this);
          if (isStatus) {
            const start = performance.now();
            const next = new MessageChannel();
            next.port1.onmessage = () => { document.body.offsetHeight; ticks.push(performance.now() - start); next.port1.close(); };
            next.port2.postMessage(0);
          }
          return body;
        };
        """;

    // Contrast by WCAG 2.2: text over what is behind it, with transparent colours and opacity laid over each other, and grey where the page is.
    private const string Contrast = """
        () => {
          const parse = text => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return [r, g, b, a]; };
          const over = (top, below) => [0, 1, 2].map(at => top[at] * top[3] + below[at] * (1 - top[3])).concat(1);
          const behind = node => {
            if (!node) return parse(getComputedStyle(document.body).backgroundColor);
            const colour = parse(getComputedStyle(node).backgroundColor);
            return colour[3] === 1 ? colour : over(colour, behind(node.parentElement));
          };
          const opacity = node => node ? Number(getComputedStyle(node).opacity) * opacity(node.parentElement) : 1;
          const isGrey = node => Boolean(node) && (getComputedStyle(node).filter === 'grayscale(1)' || isGrey(node.parentElement));
          const grey = colour => Array(3).fill(colour[0] * 0.2126 + colour[1] * 0.7152 + colour[2] * 0.0722);
          const light = colour => colour.slice(0, 3).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
            .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
          const texts = [...document.querySelectorAll('body *')].filter(node => node.checkVisibility({ visibilityProperty: true }) && !node.classList.contains('unseen')
            && ([...node.childNodes].some(child => child.nodeType === Node.TEXT_NODE && child.data.trim()) || node.matches('input, select')));
          const worst = [];
          for (const node of texts) {
            const style = getComputedStyle(node);
            const ground = behind(node);
            const colour = parse(style.color);
            colour[3] *= opacity(node);
            const [a, b] = [over(colour, ground), ground].map(shown => light(isGrey(node) ? grey(shown) : shown));
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            const size = parseFloat(style.fontSize);
            const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
            if (ratio < needed) worst.push(`${node.tagName} ${node.id} ${node.className}: ${ratio.toFixed(2)} of ${needed} "${node.textContent.slice(0, 30)}"`);
          }
          return { texts: texts.length, worst };
        }
        """;

    public static Task TimeTicksAsync(IPage page) => page.AddInitScriptAsync(TickTimer);

    public static async Task<double[]> TicksAsync(IPage page, int count)
    {
        await page.WaitForFunctionAsync("count => ticks.length >= count", count, new() { Timeout = 120_000 });
        return await page.EvaluateAsync<double[]>("ticks");
    }

    public static Task<int> NodesAsync(IPage page) => page.EvaluateAsync<int>("document.querySelectorAll('*').length");

    /// <summary>How many visible texts there are, and those with too little contrast.</summary>
    public static async Task<(int Texts, string[] TooWeak)> ContrastAsync(IPage page)
    {
        var answer = (await page.EvaluateAsync<JsonElement?>(Contrast))!.Value;
        return (answer.GetProperty("texts").GetInt32(), [.. answer.GetProperty("worst").EnumerateArray().Select(text => text.GetString()!)]);
    }
}
