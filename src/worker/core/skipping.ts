import type { Command } from '../../journal/journal.ts';
import type { CoreState } from './core-state.ts';
import type { Item, Lane } from './lane.ts';
import type { JournalWrite } from './parked.ts';
import { forgetDoneAside, shiftFirst } from './parking.ts';
import type { AfterCommit, PartitionState } from './partition-state.ts';
import { answer, redriveStepped, write } from './redriving.ts';
import { advanceLane, reconsider } from './scheduling.ts';

/** An operator wants a task left out. */
export function skip(
  core: CoreState,
  partition: PartitionState,
  command: Command,
  { taskId, below }: { readonly taskId: string; readonly below: number },
): void {
  if (below <= partition.committedFrontier) {
    answer(core, partition, command, 'not-found');
    return;
  }
  partition.skips.set(taskId, [...(partition.skips.get(taskId) ?? []), command]);
  const lane = partition.lanes.get(command.key);
  // A lane that waits is looked at when it is the task in front, or when that is not in memory.
  const first = lane?.first;
  if (typeof first === 'object' && idOf(core, first) !== taskId) return;
  reconsider(core, partition, lane);
}

/** A command to skip this task, if there is one. */
export function skipOf(
  core: CoreState,
  partition: PartitionState,
  lane: Lane,
  item: Item,
): Command | undefined {
  if (partition.skips.size === 0) return undefined;
  const commands = partition.skips.get(idOf(core, item));
  return commands?.find(({ key }) => key === lane.key);
}

function idOf(core: CoreState, item: Item): string {
  return core.config.taskId(item) ?? '';
}

/** Finishes the first task of a lane without running it. Whoever asked for it is told once a commit says so. */
export function skipFirst(
  core: CoreState,
  partition: PartitionState,
  what: { readonly lane: Lane; readonly item: Item; readonly command: Command },
): void {
  const { lane, item, command } = what;
  const asked = takeSkips(partition, idOf(core, item), lane.key);
  partition.changes += 1;
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'task-skipped',
      partition: partition.partition,
      item,
      command: command.id,
      by: command.by,
    },
  });
  const parked = partition.redrives.get(lane)?.parked;
  if (lane.aside) redriveStepped(core, partition, lane, item);
  else finishFirst(core, partition, lane, item);
  const redriven = parked === undefined ? undefined : { parked, done: item.offset };
  for (const { id } of asked) {
    const entry: JournalWrite = { kind: 'done', command: id, verb: 'skip', outcome: 'skipped' };
    partition.afterCommit.push({ changes: partition.changes, write: entry, redriven });
  }
}

/** Takes out the commands that ask for this task. */
function takeSkips(partition: PartitionState, taskId: string, key: string): readonly Command[] {
  const all = partition.skips.get(taskId) ?? [];
  const left = all.filter((command) => command.key !== key);
  if (left.length === 0) partition.skips.delete(taskId);
  else partition.skips.set(taskId, left);
  return all.filter((command) => command.key === key);
}

/** The first task of a lane that does not run is finished. */
export function finishFirst(core: CoreState, partition: PartitionState, lane: Lane, item: Item): void {
  partition.startedBelow = Math.max(partition.startedBelow, item.offset + 1);
  shiftFirst(core, partition, lane);
  partition.changes += 1;
  advanceLane(core, partition, lane);
}

/** A commit was acknowledged: commands that it fulfils are done, and tasks to be skipped that never came will not come. */
export function commandsCommitted(core: CoreState, partition: PartitionState): void {
  writeFulfilled(core, partition);
  forgetDoneAside(partition);
  for (const [taskId, commands] of partition.skips) {
    const left = commands.filter(
      ({ verb }) => verb.name === 'skip' && verb.below > partition.committedFrontier,
    );
    for (const command of commands) {
      if (!left.includes(command)) answer(core, partition, command, 'not-found');
    }
    if (left.length === 0) partition.skips.delete(taskId);
    else partition.skips.set(taskId, left);
  }
}

/** Writes down what waited for a commit, and for what a redrive did. */
export function writeFulfilled(core: CoreState, partition: PartitionState): void {
  const waiting = partition.afterCommit;
  partition.afterCommit = waiting.filter((one) => !isFulfilled(partition, one));
  for (const one of waiting) if (isFulfilled(partition, one)) write(core, partition, one.write);
}

/** A parked task that was skipped would run again if its owner ended before the journal says that it is done. */
function isFulfilled(partition: PartitionState, { changes, redriven }: AfterCommit): boolean {
  if (changes > partition.committedChanges) return false;
  if (redriven === undefined) return true;
  return redriven.parked.writtenDone >= redriven.done || redriven.parked.stage === 'cleared';
}
