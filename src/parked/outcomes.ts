import type { Clock } from '../clock/clock.ts';
import type { CommandOutcome } from './command-report.ts';
import type { GroupJournal } from './group-journal.ts';

/** A command in the journal. */
interface Sent {
  readonly id: string;
  readonly partition: number;
}

/**
 * How commands end that the journal follows, by id; those that have not ended in time are missing. Never rejects: the
 * commands are sent, whatever becomes of the waiting.
 */
export async function outcomesOf(
  journal: GroupJournal,
  commands: readonly Sent[],
  wait: { readonly ms: number; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, CommandOutcome>> {
  const { ms, clock, signal } = wait;
  const ended = new Map<string, CommandOutcome>();
  const deadlineMs = clock.monotonicMs() + ms;
  const watch = async (): Promise<void> => {
    let left = takeEnded(journal, commands, ended);
    while (left.length > 0 && clock.monotonicMs() < deadlineMs && !signal.aborted) {
      await journal.more(deadlineMs, signal);
      left = takeEnded(journal, left, ended);
    }
  };
  await journal.look(signal, watch).catch(() => {});
  return ended;
}

/** Notes which have ended; returns the others. */
function takeEnded(
  journal: GroupJournal,
  commands: readonly Sent[],
  ended: Map<string, CommandOutcome>,
): Sent[] {
  const pendingOf = new Map<number, ReadonlySet<string>>();
  return commands.filter(({ id, partition }) => {
    const outcome = journal.outcomeOf(id);
    if (outcome === undefined) return true;
    let pending = pendingOf.get(partition);
    if (pending === undefined) {
      pending = new Set(journal.state(partition).pending.map((command) => command.id));
      pendingOf.set(partition, pending);
    }
    if (pending.has(id)) return true; // what ended it was void
    ended.set(id, outcome);
    return false;
  });
}
