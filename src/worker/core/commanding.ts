import type { Command, JournalHistory } from '../../journal/journal.ts';
import { acceptanceOutcome, hearAcceptance } from './accepting.ts';
import type { CoreState } from './core-state.ts';
import type { PartitionEffect } from './effects.ts';
import { reportHold } from './holds.ts';
import { keyHash } from './key-hash.ts';
import type { Lane } from './lane.ts';
import { type JournalWrite, type MarkPlace, type MarkRequest, Parked } from './parked.ts';
import { copyAgain, copyFailed, marked, park } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { answer, endMark, failLost, written } from './redriving.ts';
import { advanceLane, reconsider } from './scheduling.ts';
import { skip, writeFulfilled } from './skipping.ts';

/** How long after a failure something is written or read again. */
const REPEAT_MS = 500;

/** The second append of a command follows the first within the time of a request: so many may come between. */
const MOST_HEARD = 10_000;

/** What the journal says of parked keys, holds and open commands when a partition is taken. */
export function restoreMarks(partition: PartitionState, history: JournalHistory, endedWell: boolean): void {
  for (const mark of history.marks) {
    const parked = Parked.ofMark(mark, partition.era);
    if (endedWell) parked.stalls = 0; // no process died of what was redriven last
    partition.marks.set(mark.id, parked);
    if (parked.former) continue; // can be redriven; tasks that come now have nothing to do with it
    if (mark.scope === 'key') partition.parkedKeys.set(mark.key, parked);
    else partition.parkedTasks.set(mark.from, parked);
  }
  partition.heldKeys = new Set(history.heldKeys);
  partition.heldTypes = new Set(history.heldTypes);
  const told = partition.commands;
  partition.commands = [...history.pending];
  for (const command of told) {
    if (command.offset > partition.epoch && !partition.commands.some(({ id }) => id === command.id))
      partition.commands.push(command);
  }
  for (const { id } of partition.commands) partition.heard.add(id);
}

/** An operator's command has come into the journal. */
export function commanded(core: CoreState, number: number, command: Command): void {
  const partition = core.partitions.get(number);
  // One whose first append had no answer is in the journal twice.
  if (partition === undefined || partition.heard.has(command.id)) return;
  partition.heard.add(command.id);
  if (partition.heard.size > MOST_HEARD) forgetOldest(partition.heard);
  if (partition.phase !== 'running') {
    partition.commands.push(command); // obeyed once the work begins; whoever takes the partition next finds it as well
    if (partition.phase === 'halted') hearAcceptance(core, partition, command);
    return;
  }
  if (!obey(core, partition, command)) partition.commands.push(command);
}

function forgetOldest(ids: Set<string>): void {
  for (const id of ids) {
    ids.delete(id);
    return;
  }
}

/** Obeys what has waited, in order. */
export function obeyWaiting(core: CoreState, partition: PartitionState): void {
  const waiting = partition.commands;
  partition.commands = [];
  for (const command of waiting) {
    if (!obey(core, partition, command)) partition.commands.push(command);
  }
}

/** False when it has to wait for another command of its key. */
function obey(core: CoreState, partition: PartitionState, command: Command): boolean {
  const { verb, key } = command;
  switch (verb.name) {
    case 'park':
      return parkByHand(core, partition, command);
    case 'hold':
      partition.heldKeys.add(key);
      reportHold(core, partition, 'held-by-operator', command);
      return true;
    case 'release':
      partition.heldKeys.delete(key);
      reportHold(core, partition, 'released-by-operator', command);
      releaseKey(core, partition, key);
      return true;
    case 'hold-type':
      partition.heldTypes.add(verb.type);
      reportHold(core, partition, 'held-by-operator', command);
      return true;
    case 'release-type':
      partition.heldTypes.delete(verb.type);
      reportHold(core, partition, 'released-by-operator', command);
      for (const lane of [...partition.open, ...partition.asideOpen]) {
        if (lane.hold === 'operator') advanceLane(core, partition, lane);
      }
      return true;
    case 'skip':
      skip(core, partition, command, verb);
      return true;
    case 'redrive':
    case 'discard':
      return endByHand(core, partition, command, verb.mark);
    case 'discard-task':
      return discardTask(core, partition, command, verb);
    case 'accept-loss':
      return answer(core, partition, command, acceptanceOutcome(partition, command, verb.below));
  }
}

function parkByHand(core: CoreState, partition: PartitionState, command: Command): boolean {
  const { key } = command;
  const known = partition.parkedKeys.get(key);
  if (known?.isEnding === true) return false;
  if (known !== undefined) return answer(core, partition, command, 'already-parked');
  const lane = partition.lanes.get(key);
  // What a mark covers is only ever copied, by every owner: the list of copies has no hole then, whoever wrote them. So a
  // task that runs comes to its end first.
  if (lane?.state === 'running') {
    core.parkWaiting.set(lane, partition);
    return false;
  }
  // What is restored and not read yet may be of this key: everything from there on is.
  const from =
    partition.restored.get(keyHash(key))?.from ?? firstUnmarked(partition, lane) ?? partition.nextOffset;
  const cause = { reason: 'operator', error: undefined, command: command.id } as const;
  park(core, partition, { key, scope: 'key', from, item: undefined, attempts: 0, cause });
  return true;
}

/** The first unfinished task of a lane, unless that is on its way to the parked topic under a mark of its own. */
function firstUnmarked(partition: PartitionState, lane: Lane | undefined): number | undefined {
  const first = lane?.firstOffset;
  if (first === undefined || partition.parkedTasks.get(first)?.key !== lane?.key) return first;
  return first + 1;
}

/** Keys that an operator parks while one of their tasks runs: perhaps it has come to its end. */
export function parkAfterRuns(core: CoreState): void {
  for (const [lane, partition] of core.parkWaiting) {
    if (partition.phase === 'running' && lane.state === 'running') continue;
    core.parkWaiting.delete(lane);
    if (partition.phase === 'running') obeyWaiting(core, partition);
  }
}

/** What waits goes on at once, whatever it waits for. A task that was given up is tried anew. */
function releaseKey(core: CoreState, partition: PartitionState, key: string): void {
  const lanes = [partition.lanes.get(key), partition.ending.get(key)?.redrive?.lane];
  for (const lane of lanes) {
    if (lane?.state !== 'held') continue;
    core.parkedWanted.add(partition); // what was gone from the log is looked for once more
    if (lane.hold !== 'retry' && lane.hold !== 'operator') {
      lane.attempts = 0;
      lane.starts = 0;
      lane.firstFailedAtMs = undefined;
      partition.changes += 1;
      core.commitUrgent = true; // the journal says nothing of it to whoever is next
    }
    reconsider(core, partition, lane);
  }
}

/** A mark of ours may be in the journal, and known to operators, before we hear that it is. */
function answerUnknown(core: CoreState, partition: PartitionState, command: Command): boolean {
  for (const parked of [...partition.parkedKeys.values(), ...partition.parkedTasks.values()]) {
    if (parked.stage === 'marking' && parked.key === command.key) return false;
  }
  return answer(core, partition, command, 'unknown-mark');
}

function endByHand(core: CoreState, partition: PartitionState, command: Command, mark: number): boolean {
  const parked = partition.marks.get(mark);
  if (parked === undefined) return answerUnknown(core, partition, command);
  if (partition.ending.has(parked.key)) {
    const { redrive } = parked;
    const isLost = redrive?.lane.state === 'held' && redrive.lane.hold === 'data-loss';
    if (isLost && command.verb.name === 'discard') failLost(core, partition, redrive);
    return false;
  }
  endMark(core, partition, { parked, command });
  return true;
}

function discardTask(
  core: CoreState,
  partition: PartitionState,
  command: Command,
  { mark, offset }: { readonly mark: number; readonly offset: number },
): boolean {
  const parked = partition.marks.get(mark);
  if (parked === undefined) return answerUnknown(core, partition, command);
  if (parked.scope === 'task')
    return endByHand(core, partition, { ...command, verb: { name: 'discard', mark } }, mark);
  if (parked.isEnding) return false;
  parked.discarded.add(offset);
  return answer(core, partition, command, 'discarded');
}

// --- answers of the journal and the parked topic

export function markWritten(
  core: CoreState,
  partition: PartitionState,
  request: MarkRequest,
  where: MarkPlace,
): void {
  marked(core, partition, request, where);
  if (partition.phase === 'running') obeyWaiting(core, partition);
}

export function entryWritten(core: CoreState, partition: PartitionState, entry: JournalWrite): void {
  written(core, partition, entry);
  if (entry.kind !== 'progress' && partition.phase === 'running') obeyWaiting(core, partition);
  writeFulfilled(core, partition);
}

/** Something was not written or read: it is done again after a while. */
export function effectFailed(core: CoreState, effect: PartitionEffect, stuckOn: unknown): void {
  const { partition } = effect;
  if (partition.phase === 'gone') return;
  const afterMs = effect.kind === 'copy' ? copyFailed(core, partition, effect.copy, stuckOn) : REPEAT_MS;
  core.repeat.push(core.nowMs + afterMs, effect);
}

export function repeatDue(core: CoreState): void {
  for (;;) {
    const dueMs = core.repeat.peekRank();
    if (dueMs === undefined || dueMs > core.nowMs) return;
    const effect = core.repeat.pop();
    if (effect === undefined || effect.partition.phase === 'gone') continue;
    if (effect.kind === 'copy') copyAgain(core, effect.partition, effect.copy);
    else core.effects.push(effect);
  }
}
