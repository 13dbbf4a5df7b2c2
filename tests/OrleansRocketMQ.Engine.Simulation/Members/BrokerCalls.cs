using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>How calls of one member come to simulated brokers, and what comes of those that fail.</summary>
internal abstract class BrokerCalls(SimulatedWorld world)
{
    protected SimulatedWorld World => world;

    /// <summary>Asks, and gives the engine its own exceptions.</summary>
    protected async Task<T> AskAsync<T>(int request, Func<Task<T>> ask)
    {
        try
        {
            return await (world.Setup.MayStandStill ? ApartAsync(ask) : ask());
        }
        catch (CallFailedException failed)
        {
            throw ErrorOf(request, failed);
        }
        catch (OwnerDiedException)
        {
            throw new RocketMQNetworkException("nothing of a dead member reaches anybody");
        }
    }

    /// <summary>What was sent comes to its broker, and is done there, also while the member stands still.</summary>
    private Task<T> ApartAsync<T>(Func<Task<T>> ask)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = world.Scheduler.Start("request", async () =>
        {
            try
            {
                answer.SetResult(await ask());
            }
            catch (Exception exception) when (exception is not SimulationException)
            {
                answer.SetException(exception);
            }
        });
        return answer.Task;
    }

    private static RocketMQException ErrorOf(int request, CallFailedException failed) => failed.Reason switch
    {
        FaultKind.PullFlowControl => new BrokerResponseException(request, ResponseCodes.FlowControl, null, "broker"),
        FaultKind.PullForgotten => new BrokerResponseException(request, ResponseCodes.SubscriptionNotExist, null, "broker"),
        FaultKind.PullRefused or FaultKind.StoreRefused or FaultKind.SendBackRefused or FaultKind.TellingRefused
            => new BrokerResponseException(request, ResponseCodes.SystemError, null, "broker"),
        FaultKind.BrokerAway => new RocketMQNetworkException("cut", failed),
        _ => new RocketMQTimeoutException($"no answer: {failed.Reason}", failed),
    };
}
