import { type Command, isOtherTopic, type Verb } from '../../journal/journal.ts';
import type { CoreState } from './core-state.ts';
import { letGo } from './held-bytes.ts';
import { keyHash } from './key-hash.ts';
import { type Item, Lane } from './lane.ts';
import { type JournalWrite, type Parked, type Redrive, wantsMore } from './parked.ts';
import { reportDone, settledFrom } from './parking.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane, holdLane, moveLane, reconsider } from './scheduling.ts';

/** So many owners may begin at the same task before it counts as one that kills its process. */
const MOST_STALLS = 3;

/** Begins to end a mark. What was copied is committed as finished first, or a crash would bring it back from the queue. */
export function endMark(
  core: CoreState,
  partition: PartitionState,
  what: { readonly parked: Parked; readonly command: Command },
): void {
  const { parked, command } = what;
  parked.move('settling');
  parked.command = command;
  partition.ending.set(parked.key, parked);
  core.settling.add(partition);
  core.commitUrgent = true;
}

/** Marks whose copies are settled are redriven or cleared. */
export function settleMarks(core: CoreState): void {
  for (const partition of core.settling) {
    let waiting = false;
    for (const parked of partition.ending.values()) {
      if (parked.stage !== 'settling') continue;
      if (partition.phase === 'running' && isSettled(partition, parked)) begin(core, partition, parked);
      else waiting = true;
    }
    if (!waiting || partition.phase === 'gone') core.settling.delete(partition);
  }
}

function isSettled(partition: PartitionState, parked: Parked): boolean {
  if (parked.copying !== undefined || parked.copiedChanges > partition.committedChanges) return false;
  // What an earlier owner left of the key is not all known yet.
  const knownFrom = settledFrom(partition, parked);
  if (partition.nextOffset < knownFrom) return false;
  const lane = partition.lanes.get(parked.key);
  if (lane?.state === 'running') return false; // its end decides what follows
  // Tasks of the key that are older than the mark go first, and a single task has yet to be copied when its owner ended
  // between MARK and copy.
  if ((lane?.firstOffset ?? knownFrom) < knownFrom) return false;
  return !partition.restored.has(keyHash(parked.key));
}

function begin(core: CoreState, partition: PartitionState, parked: Parked): void {
  const { command } = parked;
  if (command === undefined) throw new Error('a mark is ended by nobody');
  if (command.verb.name === 'discard') {
    clear(core, partition, { parked, command, how: 'discarded', upTo: parked.copiedTo });
    return;
  }
  parked.move('redriving');
  const lane = new Lane(parked.key, true);
  const redrive: Redrive = {
    parked,
    command,
    lane,
    nextParked: parked.parkedFrom,
    topicId: parked.parkedTopicId,
    readTo: parked.done,
    atEnd: false,
    lost: false,
    began: false,
    tasks: 0,
  };
  parked.redrive = redrive;
  partition.redrives.set(lane, redrive);
  core.redriving.add(partition);
  report(core, partition, { kind: 'redrive-began', parked });
  if (parked.stalls >= MOST_STALLS) {
    failRedrive(
      core,
      partition,
      redrive,
      new Error('the redriven task has ended its process again and again'),
    );
    return;
  }
  // Before the first start, so that a task which kills its process can be told by how often it was begun.
  writeProgress(core, partition, parked);
}

function writeProgress(core: CoreState, partition: PartitionState, parked: Parked): void {
  parked.writing = true;
  write(core, partition, { kind: 'progress', parked, done: parked.done });
}

/** A parked task is done. */
export function redriveStepped(core: CoreState, partition: PartitionState, lane: Lane, item: Item): void {
  const redrive = partition.redrives.get(lane);
  lane.shift();
  partition.bufferedBytes -= item.bytes;
  core.budget.release(item.bytes);
  if (redrive === undefined) return;
  redrive.parked.done = item.offset;
  redrive.tasks += 1;
  if (redrive.lost) {
    holdLost(core, partition, redrive);
    return;
  }
  advanceLane(core, partition, lane);
  if (lane.length === 0) finishIfDone(core, partition, redrive);
  if (wantsMore(redrive)) core.parkedWanted.add(partition);
}

/**
 * Parked tasks are gone from the log: an operator looks first, unless one has asked already that they be discarded.
 * Released, it is read once more.
 */
export function holdLost(core: CoreState, partition: PartitionState, redrive: Redrive): void {
  const { parked, lane, readTo } = redrive;
  redrive.lost = false;
  if (partition.phase === 'running' && partition.commands.some(({ verb }) => discards(verb, parked))) {
    failLost(core, partition, redrive);
    return;
  }
  holdLane(core, partition, lane, { reason: 'data-loss', dueMs: Number.POSITIVE_INFINITY });
  core.effects.push({
    kind: 'report',
    report: {
      kind: 'key-held',
      partition: partition.partition,
      item: undefined,
      offset: readTo + 1,
      key: lane.key,
      reason: 'data-loss',
      attempts: 0,
      error: undefined,
    },
  });
}

/** Whether all that is parked under the mark is to be discarded. */
function discards(verb: Verb, { mark, scope }: Parked): boolean {
  if (verb.name === 'discard-task') return verb.mark === mark && scope === 'task';
  return verb.name === 'discard' && verb.mark === mark;
}

/** A redrive whose parked tasks are to be discarded would wait for ever for records that are gone. */
export function failLost(core: CoreState, partition: PartitionState, redrive: Redrive): void {
  failRedrive(core, partition, redrive, new Error('its parked tasks are gone from the log'));
}

/**
 * The last parked task is done: that is written down. Where the topic ends before what this very owner has copied, the
 * rest is gone, or was not shown: it is looked for once more when somebody releases the key. Of a topic that was made anew that
 * is known already, and somebody has released the key since.
 */
export function finishIfDone(core: CoreState, partition: PartitionState, redrive: Redrive): void {
  const { parked, command, atEnd, readTo, topicId } = redrive;
  if (!atEnd || partition.phase !== 'running') return;
  if (readTo < parked.copiedTo && !isOtherTopic(parked.parkedTopicId, topicId)) {
    redrive.atEnd = false;
    redrive.nextParked = parked.parkedFrom;
    holdLost(core, partition, redrive);
    return;
  }
  clear(core, partition, { parked, command, how: 'redriven', upTo: readTo });
}

function clear(
  core: CoreState,
  partition: PartitionState,
  what: {
    readonly parked: Parked;
    readonly command: Command;
    readonly how: 'redriven' | 'discarded';
    readonly upTo: number;
  },
): void {
  what.parked.move('clearing');
  write(core, partition, { kind: 'cleared', ...what, command: what.command.id });
}

/** A redriven task has given up: it and all behind it stay parked. */
export function failRedrive(
  core: CoreState,
  partition: PartitionState,
  redrive: Redrive,
  error: unknown,
): void {
  const { parked, lane, command } = redrive;
  letGo(core, partition, lane.dropBeyond(0));
  moveLane(core, partition, lane, 'idle');
  partition.redrives.delete(lane);
  parked.move('failing');
  report(core, partition, { kind: 'redrive-failed', parked, error });
  if (parked.done !== parked.writtenDone) writeProgress(core, partition, parked);
  write(core, partition, { kind: 'done', command: command.id, verb: 'redrive', outcome: 'gave-up', parked });
}

/** Some redrive has done what the journal does not say yet. */
export function hasUnwrittenProgress({ redrives }: PartitionState): boolean {
  for (const { parked } of redrives.values()) if (parked.done !== parked.writtenDone) return true;
  return false;
}

/** Writes down how far redrives have come: now and then, and when the partition is being given up or taken anew. */
export function noteProgress(core: CoreState): void {
  for (const partition of core.redriving) {
    const { phase, redrives } = partition;
    if (phase === 'gone' || redrives.size === 0) {
      core.redriving.delete(partition);
      continue;
    }
    const isEnding = phase === 'draining' || core.retaking.has(partition);
    if (!isEnding && core.nowMs < partition.nextProgressAtMs) continue;
    partition.nextProgressAtMs = core.nowMs + core.config.commitIntervalMs;
    for (const { parked } of redrives.values())
      if (!parked.writing && parked.done !== parked.writtenDone) writeProgress(core, partition, parked);
  }
}

export function write(core: CoreState, partition: PartitionState, entry: JournalWrite): void {
  partition.openWrites += 1;
  core.effects.push({ kind: 'write', partition, write: entry });
}

/** Writes down what became of a command. Always true: it does not wait any more. */
export function answer(
  core: CoreState,
  partition: PartitionState,
  command: Command,
  outcome: string,
): boolean {
  const { name } = command.verb;
  const verb = name === 'discard-task' ? 'discard' : name;
  write(core, partition, { kind: 'done', command: command.id, verb, outcome });
  return true;
}

/** An entry about a mark or a command is in the journal. */
export function written(core: CoreState, partition: PartitionState, entry: JournalWrite): void {
  partition.openWrites -= 1;
  if (partition.phase === 'gone') return;
  switch (entry.kind) {
    case 'progress':
      progressWritten(core, partition, entry.parked, entry.done);
      return;
    case 'cleared':
      cleared(core, partition, entry);
      return;
    case 'done':
      doneWritten(core, partition, entry);
  }
}

function progressWritten(core: CoreState, partition: PartitionState, parked: Parked, done: number): void {
  parked.writing = false;
  parked.writtenDone = Math.max(parked.writtenDone, done);
  const { redrive } = parked;
  if (redrive === undefined) return;
  redrive.began = true;
  core.parkedWanted.add(partition);
}

function cleared(
  core: CoreState,
  partition: PartitionState,
  { parked, how, upTo, command }: Extract<JournalWrite, { kind: 'cleared' }>,
): void {
  parked.move('cleared');
  report(core, partition, { kind: how === 'redriven' ? 'redriven' : 'parked-discarded', parked });
  const verb = how === 'redriven' ? 'redrive' : 'discard';
  reportDone(core, partition, { id: command, verb, outcome: how });
  partition.marks.delete(parked.mark);
  if (parked.redrive !== undefined) partition.redrives.delete(parked.redrive.lane);
  partition.ending.delete(parked.key);
  if (parked.former) {
    // Offsets in the queue are of other tasks.
  } else if (parked.scope === 'key') {
    partition.parkedKeys.delete(parked.key);
    if (upTo >= 0) partition.doneAside.set(parked.key, upTo);
  } else {
    partition.parkedTasks.delete(parked.from);
  }
  reconsider(core, partition, partition.lanes.get(parked.key));
}

function doneWritten(
  core: CoreState,
  partition: PartitionState,
  { parked, command, verb, outcome }: Extract<JournalWrite, { kind: 'done' }>,
): void {
  reportDone(core, partition, { id: command, verb, outcome });
  if (parked === undefined) return;
  parked.move('parked');
  parked.redrive = undefined;
  parked.command = undefined;
  parked.stalls = 0;
  partition.ending.delete(parked.key);
  reconsider(core, partition, partition.lanes.get(parked.key));
}

function report(
  core: CoreState,
  partition: PartitionState,
  what: {
    readonly kind: 'redrive-began' | 'redriven' | 'redrive-failed' | 'parked-discarded';
    readonly parked: Parked;
    readonly error?: unknown;
  },
): void {
  const { kind, parked, error } = what;
  core.effects.push({
    kind: 'report',
    report: {
      kind,
      partition: partition.partition,
      key: parked.key,
      mark: parked.mark,
      taskCount: parked.redrive?.tasks ?? 0,
      error,
    },
  });
}
