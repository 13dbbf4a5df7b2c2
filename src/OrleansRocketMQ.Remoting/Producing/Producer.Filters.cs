using OrleansRocketMQ.Filters;

namespace OrleansRocketMQ.Producing;

/// <summary>Sends through the filters.</summary>
public sealed partial class Producer
{
    private async Task<SendResult> SendFilteredAsync(Outgoing outgoing, CancellationToken cancellationToken)
    {
        var call = new SendCall(
            outgoing.Single is { } single ? [single] : outgoing.Batch!, outgoing.Queue, outgoing.IsOneWay);
        await StepAsync(0);
        return call.Result!;

        async Task StepAsync(int index)
        {
            if (index == Options.Filters.Count)
            {
                call.Result = null;
                call.Result = await SendAsync(outgoing.With(call.Messages), cancellationToken);
                return;
            }

            var filter = Options.Filters[index];
            var step = new FilterStep(filter.GetType(), () => StepAsync(index + 1));
            await step.RunAsync(next => filter.InvokeAsync(call, next, cancellationToken), () => call.Result is not null);
        }
    }
}
