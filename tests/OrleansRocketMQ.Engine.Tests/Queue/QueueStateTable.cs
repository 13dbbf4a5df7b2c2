using OrleansRocketMQ.Engine.Queue;
using static OrleansRocketMQ.Engine.Queue.QueueEventKind;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>
/// What each event does to each state of a queue, as one page. Columns are states, rows are events; a cell is the state
/// after the event, and behind <c>!</c> what is to be done at once. <c>.</c> means that nothing changes.
/// <para>
/// States: lock awaiting lock, find positioning, run, paus paused, fenc fenced, veri verifying, back backing off, halt halted,
/// stop stopping, end stopped. Draining for S a seek, R a reset, V since another member has gone on; 0 asked for, 1 the store is
/// being told, 2 stored and listeners are waited for. sR stopping with a reset that is not stored.
/// </para>
/// <para>
/// What waits behind that state: (S0) a move, p pause, f fence closed, ? in doubt, b backing off, h halted, ~ position
/// unknown, l no lock.
/// </para>
/// <para>
/// To do: B break off the pull, C the seek's caller is told that it holds, X that it does not, R a new seek is refused, Z no
/// listener gets anything any more, O listeners may get messages again.
/// </para>
/// </summary>
internal static class QueueStateTable
{
    private const string First = """
        event           lock      find     run      paus      fenc       veri      back      halt
        LockGained      find      .        .        .         .          .         .         .
        LockLost        .         lock     lock!B   lockp!B   lockf      lock      lock      lockh
        Positioned      .         run!O    .        .         .          .         .         .
        FenceClosed     lockf     fenc~    fenc?!B  fencp?!B  .          fenc?     fenc?     fenc?h
        FenceOpened     .         .        .        .         veri       .         .         .
        Verified        .         .        .        .         .          run!O     .         .
        Overtaken       .         .        .        .         .          V2        .         .
        Paused          lockp     findp    paus     .         fencp?     verip     backp     haltp
        Resumed         .         .        .        run!O     .          .         .         .
        SeekAsked       lock(S0)  S0~      S0!B     S0p!B     fenc(S0)?  veri(S0)  S0        S0
        SeekWithdrawn   .         .        .        .         .          .         .         .
        BrokerReset     lock(R0)  R0~      R0!B     R0p!B     fenc(R0)?  veri(R0)  back(R0)  R0h
        StoreBegun      .         .        .        .         .          .         .         .
        OffsetStored    .         .        .        .         .          .         .         .
        ListenersDone   .         .        .        .         .          .         .         .
        AttemptFailed   lockb     back~    back!B   backp!B   fenc?b     back?     .         backh
        FailedTooOften  lockh     halt~    halt!B   haltp!B   fenc?b     back?     halt      .
        RetryDue        .         .        .        .         .          .         run       .
        Recovered       .         .        .        .         .          .         run       run
        Stop            stop~l!Z  stop~!Z  stop!BZ  stopp!BZ  stopf?!Z   stop?!Z   stop!Z    stop!Z
        Ended           .         .        .        .         .          .         .         .
        """;

    private const string Second = """
        event           S0         S1         S2           R0          R1          R2          V2          stop      sR          end
        LockGained      .          .          .            .           .           .           .           .         .           .
        LockLost        lock(S0)   lock(S1)   lock!C       lock(R0)    lock(R1)    lock        lock        stop~l    stop(R0)~l  .
        Positioned      .          .          .            .           .           .           .           .         .           .
        FenceClosed     fenc(S0)?  fenc(S1)?  fenc(S2)?    fenc(R0)?   fenc(R1)?   fenc(R2)?   fenc(V2)?   stopf?    stop(R0)f?  .
        FenceOpened     .          .          .            .           .           .           .           .         .           .
        Verified        .          .          .            .           .           .           .           .         .           .
        Overtaken       .          .          .            .           .           .           .           .         .           .
        Paused          S0p        S1p        S2p          R0p         R1p         R2p         V2p         .         .           .
        Resumed         .          .          .            .           .           .           .           .         .           .
        SeekAsked       S0!C       S0~!C      S0~!C        S0          S0~         S0~         S0~         .!R       .!R         .!R
        SeekWithdrawn   run!X      .          .            .           .           .           .           .         .           .
        BrokerReset     .          .          .            R0          R0~         R0~         R0~         stop(R0)  stop(R0)    .
        StoreBegun      S1         .          .            R1          .           .           .           .         stop(R1)    .
        OffsetStored    .          S2         .            .           R2          .           .           .         .           .
        ListenersDone   .          .          run!CO       .           .           run!O       run!O       .         .           .
        AttemptFailed   back(S0)   back(S1)   back(S2)     back(R0)    back(R1)    back(R2)    back(V2)    .         .           .
        FailedTooOften  back(S0)   back(S1)   back(S2)     back(R0)    back(R1)    back(R2)    back(V2)    .         .           .
        RetryDue        .          .          .            .           .           .           .           .         .           .
        Recovered       .          .          .            .           .           .           .           .         .           .
        Stop            stop!ZX    stop(S1)!Z stop(S2)!ZC  stop(R0)!Z  stop(R1)!Z  stop(R2)!Z  stop(V2)!Z  .         .           .
        Ended           .          .          .            .           .           .           .           end       end(R0)     .
        """;

    /// <summary>The states of the table by their names.</summary>
    public static IReadOnlyDictionary<string, QueueState> States { get; } = Build();

    /// <summary>The cells: state, event, what is expected.</summary>
    public static IReadOnlyList<(string State, QueueEventKind Event, string Expected)> Cells { get; } = [.. Read(First), .. Read(Second)];

    /// <summary>An event of a kind; it is about the move the state is in, if it is about one.</summary>
    public static QueueEvent Event(QueueEventKind kind, QueueState state, long offset = 10) => new(kind, offset, state.Move?.Number ?? 0);

    /// <summary>A state as the table writes it.</summary>
    public static string Write(QueueState state)
    {
        var phase = state.Phase;
        var move = state.Move is { } under ? $"{(under.Reason == MoveReason.Overtaken ? 'V' : under.Reason.ToString()[0])}{(int)under.Step}" : string.Empty;
        return string.Concat(
            phase switch
            {
                QueuePhase.AwaitingLock => "lock",
                QueuePhase.Positioning => "find",
                QueuePhase.Running => "run",
                QueuePhase.Paused => "paus",
                QueuePhase.Fenced => "fenc",
                QueuePhase.Verifying => "veri",
                QueuePhase.BackingOff => "back",
                QueuePhase.Halted => "halt",
                QueuePhase.Stopping => "stop",
                QueuePhase.Stopped => "end",
                _ => move,
            },
            phase != QueuePhase.Draining && move.Length > 0 ? $"({move})" : string.Empty,
            state.IsPauseWanted && phase != QueuePhase.Paused ? "p" : string.Empty,
            state.IsFenceClosed && phase != QueuePhase.Fenced ? "f" : string.Empty,
            state.IsInDoubt && phase != QueuePhase.Verifying ? "?" : string.Empty,
            state.IsBackingOff && phase != QueuePhase.BackingOff ? "b" : string.Empty,
            state.IsHalted && phase != QueuePhase.Halted ? "h" : string.Empty,
            !state.IsPositioned && phase is not (QueuePhase.AwaitingLock or QueuePhase.Positioning) ? "~" : string.Empty,
            !state.HasLock && phase != QueuePhase.AwaitingLock ? "l" : string.Empty);
    }

    /// <summary>What is to be done at once, as the table writes it.</summary>
    public static string Write(QueueActions actions)
    {
        var letters = string.Concat(new (QueueActions Action, string Letter)[]
        {
            (QueueActions.BreakOffPull, "B"), (QueueActions.CloseHandOut, "Z"), (QueueActions.CompleteSeek, "C"),
            (QueueActions.CancelSeek, "X"), (QueueActions.RefuseSeek, "R"), (QueueActions.OpenHandOut, "O"),
        }.Where(known => actions.HasFlag(known.Action)).Select(known => known.Letter));
        return letters.Length == 0 ? letters : $"!{letters}";
    }

    private static IEnumerable<(string State, QueueEventKind Event, string Expected)> Read(string table)
    {
        var rows = table.Split('\n').Select(row => row.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).ToArray();
        return from row in rows.Skip(1)
               from column in Enumerable.Range(1, rows[0].Length - 1)
               select (rows[0][column], Enum.Parse<QueueEventKind>(row[0]), row[column]);
    }

    private static Dictionary<string, QueueState> Build()
    {
        var states = new Dictionary<string, QueueState>(StringComparer.Ordinal) { ["lock"] = QueueState.New(needsLock: true) };
        foreach (var (name, from, kind) in new (string Name, string From, QueueEventKind Event)[]
        {
            ("find", "lock", LockGained), ("run", "find", Positioned), ("paus", "run", Paused), ("fenc", "run", FenceClosed), ("veri", "fenc", FenceOpened),
            ("back", "run", AttemptFailed), ("halt", "run", FailedTooOften), ("S0", "run", SeekAsked), ("S1", "S0", StoreBegun), ("S2", "S1", OffsetStored),
            ("R0", "run", BrokerReset), ("R1", "R0", StoreBegun), ("R2", "R1", OffsetStored), ("V2", "veri", Overtaken),
            ("stop", "run", Stop), ("sR", "R0", Stop), ("end", "stop", Ended),
        })
        {
            states[name] = states[from].Next(Event(kind, states[from])).State;
        }

        return states;
    }
}
