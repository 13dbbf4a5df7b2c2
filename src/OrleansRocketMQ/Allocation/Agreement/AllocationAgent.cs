using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Allocation.Agreement;

/// <summary>Keeps one group on this silo to the rule by which all silos share out its queues.</summary>
internal sealed partial class AllocationAgent(
    ConsumerOptions options,
    AllocateStrategies strategies,
    IGrainFactory grains,
    SiloAddress silo,
    TimeProvider time,
    ILogger<AllocationAgent> logger)
{
    // Without the others there is nothing to agree on; consuming is more important.
    private static readonly TimeSpan LongestWithout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly string _silo = silo.ToParsableString();
    private readonly AllocationRule _own = strategies.RuleOf(options);
    private AllocationRule? _rule;
    private RuleInForce? _following;
    private string? _unable;
    private Task _joining = Task.CompletedTask;

    /// <summary>What this silo is set to.</summary>
    public IAllocateStrategy Own { get; } = strategies.Resolve(options);

    /// <summary>By what the queues are shared out; null until that is known.</summary>
    public IAllocateStrategy? InForce { get; private set; }

    /// <summary>What is amiss, in words; empty when all silos are set alike.</summary>
    public string Difference { get; private set; } = string.Empty;

    /// <summary>Why it could not be found out which queues are this silo's; null when it could.</summary>
    public string? Failure { get; set; }

    /// <summary>The queues are to be shared out in another way.</summary>
    public event Action? Changed;

    private IAllocationAgreementGrain Grain => grains.GetGrain<IAllocationAgreementGrain>(options.Group);

    public void Start()
    {
        if (options.MessageModel == MessageModel.Broadcasting)
        {
            // Everybody has everything.
            InForce = Own;
            return;
        }

        _joining = BackgroundLoop.Run($"agreement of group {options.Group}", _ => FollowAsync(), time, logger, _stopping.Token);
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _joining.ConfigureAwait(false);
        if (options.MessageModel == MessageModel.Broadcasting)
        {
            return;
        }

        try
        {
            await Grain.LeaveAsync(_silo).WaitAsync(SoonAgain, time).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // It is forgotten after a while.
            Log.NotLeft(logger, options.Group, exception.Message);
        }
    }

    private async Task FollowAsync()
    {
        var start = time.GetTimestamp();
        while (!_stopping.IsCancellationRequested)
        {
            var wait = AgreementBook.JoinInterval;
            try
            {
                await JoinAsync().WaitAsync(LongestWithout, time, _stopping.Token).ConfigureAwait(false);
                wait = Difference.Length > 0 ? AgreementBook.DifferingInterval : wait;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                Log.NotJoined(logger, options.Group, exception.Message);
                if (InForce is null && time.GetElapsedTime(start) >= LongestWithout)
                {
                    Use(_own, Own);
                }

                wait = SoonAgain;
            }

            try
            {
                await Task.Delay(wait, time, _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task JoinAsync()
    {
        var member = new AllocationMember { Silo = _silo, Own = _own.Fingerprint, Following = _following, Unable = _unable };
        var agreement = await Grain.JoinAsync(member).ConfigureAwait(false);
        if (agreement.InForce is null)
        {
            // It has lost what it knew, or never heard of this rule.
            var rules = _rule is null || ReferenceEquals(_rule, _own) ? new[] { _own } : new[] { _own, _rule };
            agreement = await Grain.JoinAsync(member with { Rules = rules }).ConfigureAwait(false);
        }

        if (agreement.InForce is { } inForce && Follow(inForce, agreement.Rule) is { } refused)
        {
            // Told at once: until there is a rule that all can go by, queues may be with nobody.
            _unable = refused;
            agreement = await Grain.JoinAsync(member with { Unable = refused, Rules = new[] { _own } }).ConfigureAwait(false);
            if (agreement.InForce is { } other)
            {
                Follow(other, agreement.Rule);
            }
        }

        if (agreement.Difference != Difference && agreement.Difference.Length > 0)
        {
            Log.Differs(logger, options.Group, agreement.Difference);
        }

        Difference = agreement.Difference;
    }

    /// <returns>The fingerprint of the rule when this silo cannot go by it.</returns>
    private string? Follow(RuleInForce inForce, AllocationRule? rule)
    {
        if (inForce.Fingerprint == _rule?.Fingerprint)
        {
            _following = inForce;
            return null;
        }

        rule = inForce.Fingerprint == _own.Fingerprint ? _own : rule;
        if (rule is null)
        {
            return null;
        }

        if ((ReferenceEquals(rule, _own) ? Own : strategies.Resolve(rule, options.Group)) is not { } strategy)
        {
            Log.Unable(logger, options.Group, rule);
            return rule.Fingerprint;
        }

        _following = inForce;
        Use(rule, strategy);
        return null;
    }

    private void Use(AllocationRule rule, IAllocateStrategy strategy)
    {
        _rule = rule;
        InForce = strategy;
        Changed?.Invoke();
    }

    private static partial class Log
    {
        [LoggerMessage(252, LogLevel.Warning, "Group {Group}: {Difference}")]
        public static partial void Differs(ILogger logger, string group, string difference);

        [LoggerMessage(
            253,
            LogLevel.Warning,
            "Group {Group}: this silo cannot share out queues by {Rule}, which other silos go by, since it lacks the code; "
                + "until all are set alike they go by AVG")]
        public static partial void Unable(ILogger logger, string group, AllocationRule rule);

        [LoggerMessage(
            254,
            LogLevel.Warning,
            "Group {Group} cannot learn how the other silos share out its queues; "
                + "it waits for that 10 s at most at its start, and asks again: {Reason}")]
        public static partial void NotJoined(ILogger logger, string group, string reason);

        [LoggerMessage(255, LogLevel.Debug, "Group {Group} could not say that this silo leaves: {Reason}")]
        public static partial void NotLeft(ILogger logger, string group, string reason);
    }
}
