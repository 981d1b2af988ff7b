import type { Command } from '../../journal/journal.ts';
import type { CoreState } from './core-state.ts';
import type { Loss } from './judge-taking.ts';
import { reportDone } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { answer } from './redriving.ts';

/**
 * A halted partition hears that a loss is accepted. Whether that is enough, and of the topics that are there now, is
 * judged by whoever takes it: it is taken anew.
 */
export function hearAcceptance(core: CoreState, partition: PartitionState, { verb }: Command): void {
  if (verb.name !== 'accept-loss' || core.retaking.has(partition)) return;
  core.retaking.set(partition, core.nowMs + core.config.drainMs);
}

/**
 * A partition was halted: commands that were known when that was decided were not enough. Those that have come since may
 * be.
 */
export function answerAcceptances(
  core: CoreState,
  partition: PartitionState,
  known: readonly Command[],
): void {
  for (const command of known) {
    if (command.verb.name === 'accept-loss') answer(core, partition, command, 'not-enough');
  }
  for (const command of partition.commands) {
    if (command.offset > partition.epoch) hearAcceptance(core, partition, command);
  }
}

/** Commands that a CONFIRM names at most: it stays below 1 KB. The others are answered one by one. */
const MOST_NAMED = 16;

/** With the ids of the commands that its CONFIRM ends. */
export interface AcceptedLoss extends Loss {
  readonly commands: readonly string[];
}

/** A loss is accepted by all commands that are known and allow for so much. */
export function acceptedBy(loss: Loss, known: readonly Command[]): AcceptedLoss {
  const commands = known.filter(({ verb }) => verb.name === 'accept-loss' && verb.below >= loss.to);
  return { ...loss, commands: commands.slice(0, MOST_NAMED).map(({ id }) => id) };
}

/** The CONFIRM is in the journal, and has ended the commands that it obeyed. */
export function tellAccepted(core: CoreState, partition: PartitionState): void {
  const { accepted } = partition;
  if (accepted === undefined) return;
  partition.commands = partition.commands.filter(({ id }) => !accepted.commands.includes(id));
  for (const id of accepted.commands)
    reportDone(core, partition, { id, verb: 'accept-loss', outcome: 'accepted' });
}

/** How a command to accept a loss ends in a partition that works, unless that began with it. */
export function acceptanceOutcome(
  { accepted, epoch }: { readonly accepted: Loss | undefined; readonly epoch: number },
  { offset }: Command,
  below: number,
): 'accepted' | 'not-enough' | 'nothing-lost' {
  if (accepted === undefined || offset > epoch) return 'nothing-lost';
  return below >= accepted.to ? 'accepted' : 'not-enough';
}
