using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Clients;

/// <summary>What is kept from one pull of a queue to the next, for as long as somebody keeps the queue. Thread-safe.</summary>
internal sealed class PulledQueue
{
    private LastPull? _last;
    private PullCall? _spare;

    /// <summary>A completion that nobody waits for.</summary>
    public PullCall Rent() => Interlocked.Exchange(ref _spare, null) ?? new(this);

    /// <summary>It is to be used again.</summary>
    public void Return(PullCall call) => Volatile.Write(ref _spare, call);

    /// <summary>
    /// The frame of such pulls, as far as it is the same each time. Null where the last one was another, for instance by its
    /// subscription or its group, or where it is to be written as a whole: a frame is only kept for what comes again.
    /// </summary>
    public RequestTemplate? TemplateOf(in PullRequest request, RemotingClient remoting)
    {
        if (Volatile.Read(ref _last) is { } last && last.IsLike(in request))
        {
            return last.Template(remoting);
        }

        Volatile.Write(ref _last, new LastPull(in request));
        return null;
    }

    /// <summary>What those that follow it are likely to be like.</summary>
    private sealed class LastPull(in PullRequest pull)
    {
        private readonly PullRequest _pull = pull;
        private MadeTemplate? _made;

        /// <summary>Whether all is the same but the numbers that change from one to the next.</summary>
        public bool IsLike(in PullRequest request)
            => request with
            {
                Offset = _pull.Offset,
                CommitOffset = _pull.CommitOffset,
                ToSlave = _pull.ToSlave,
                MaxMessages = _pull.MaxMessages,
                MaxBytes = _pull.MaxBytes,
            } == _pull;

        public RequestTemplate? Template(RemotingClient remoting)
        {
            // Signed with the keys of then: other keys make another frame.
            var credentials = remoting.Secrets.Credentials;
            if (Volatile.Read(ref _made) is not { } made || made.Credentials != credentials)
            {
                made = new(remoting.TemplateOf(BrokerClient.CommandOf(in _pull), PullFrame.Numbers), credentials);
                Volatile.Write(ref _made, made);
            }

            return made.Template;
        }
    }

    private sealed record MadeTemplate(RequestTemplate? Template, AclCredentials? Credentials);
}
