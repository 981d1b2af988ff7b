import { RedriveLoopError } from '../errors/parked-errors.ts';
import type { Verb } from '../journal/journal.ts';
import {
  type CommandReport,
  CommandsFailedError,
  type SentCommand,
  type SkippedMark,
} from './command-report.ts';
import type { CommandToSend, Control, Sender } from './control.ts';
import { laneKeyOf } from './lane-key.ts';
import { outcomesOf } from './outcomes.ts';
import { paceOf } from './pace.ts';
import type { MarkRef, ParkedMark } from './parked-mark.ts';
import type { Selected } from './selection.ts';

/** Redrives of one mark that may fail before the next has to be forced. */
const MOST_REDRIVES = 5;

/** How marks are to be ended. */
export interface EndOptions {
  readonly sender: Sender;
  readonly verb: (mark: number) => Verb;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly perSecond: number | undefined;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** A command and what it is about. */
interface Planned {
  readonly mark: ParkedMark;
  readonly command: CommandToSend;
}

/**
 * Sends one command for each mark, oldest first, and waits for their ends if that is wanted.
 *
 * @throws RedriveLoopError when nothing can be sent because all of it was redriven too often.
 * @throws CommandsFailedError when Kafka did not take all.
 */
export async function endMarks(
  control: Control,
  { found, missing }: Selected,
  options: EndOptions,
): Promise<CommandReport> {
  const selected: ParkedMark[] = [];
  const skipped: SkippedMark[] = missing.map((ref) => ({ ...placeOf(ref), reason: 'not-parked' }));
  for (const mark of found) {
    const refused = refusal(mark, options);
    if (refused === undefined) selected.push(mark);
    else skipped.push(refused);
  }
  if (options.dryRun) return { selected, commands: [], skipped };
  const loop = skipped.find(({ error }) => error !== undefined)?.error;
  if (selected.length === 0 && loop !== undefined) throw loop;
  const { verb, sender } = options;
  const plan = selected.map((mark): Planned => {
    const { partition, key } = mark;
    const { newId } = control.deps;
    const command = { id: newId(), partition, verb: verb(mark.mark), laneKey: laneKeyOf(key) };
    return { mark, command };
  });
  const journal = await control.journal(sender.group);
  const ids = plan.map(({ command }) => command.id);
  journal.follow(ids); // before they are sent: an end may be read as soon as it is written
  try {
    const sent = await sendAll(control, plan, options);
    const report = { selected, commands: sent.commands, skipped: [...skipped, ...sent.skipped] };
    if (sent.failure !== undefined) throw new CommandsFailedError(report, sent.failure.error);
    if (options.waitMs === 0) return report;
    const wait = { ms: options.waitMs, clock: control.deps.clock, signal: options.signal };
    const ends = await outcomesOf(journal, sent.commands, wait);
    return { ...report, commands: sent.commands.map((one) => ({ ...one, outcome: ends.get(one.id) })) };
  } finally {
    journal.unfollow(ids);
  }
}

function refusal(mark: ParkedMark, { verb, force }: EndOptions): SkippedMark | undefined {
  const { name } = verb(mark.mark);
  if (name === 'discard-task') return undefined; // goes to what is left when a redrive under way gives up
  if (mark.underWay !== undefined) return { ...placeOf(mark), reason: 'under-way' };
  if (name === 'discard' || force || mark.redrives < MOST_REDRIVES) return undefined;
  const error = new RedriveLoopError(mark, mark.key, mark.redrives);
  return { ...placeOf(mark), reason: 'redrive-loop', error };
}

interface Sent {
  readonly commands: SentCommand[];
  readonly skipped: SkippedMark[];
  failure: { readonly error: unknown } | undefined;
}

async function sendAll(
  control: Control,
  plan: readonly Planned[],
  { sender, perSecond, signal }: EndOptions,
): Promise<Sent> {
  const sent: Sent = { commands: [], skipped: [], failure: undefined };
  const pace = paceOf(control.deps.clock, perSecond);
  let at = 0;
  while (at < plan.length && sent.failure === undefined && !signal.aborted) {
    const turn = plan.slice(at, at + pace.count);
    at += turn.length;
    const results = await Promise.allSettled(turn.map(({ command }) => control.send(sender, command)));
    for (const [index, planned] of turn.entries()) note(sent, planned, results[index]);
    if (at < plan.length) await pace.pause(signal);
  }
  for (const { mark } of plan.slice(at)) sent.skipped.push({ ...placeOf(mark), reason: 'not-sent' });
  return sent;
}

function note(sent: Sent, { mark, command }: Planned, result: PromiseSettledResult<void> | undefined): void {
  if (result?.status === 'fulfilled') {
    sent.commands.push({ ...placeOf(mark), id: command.id, key: mark.key, outcome: undefined });
    return;
  }
  sent.failure ??= { error: result?.reason };
  sent.skipped.push({ ...placeOf(mark), reason: 'unconfirmed' });
}

function placeOf({ partition, mark }: MarkRef): MarkRef {
  return { partition, mark };
}
