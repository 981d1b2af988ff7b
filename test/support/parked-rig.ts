import {
  type Command,
  foldJournal,
  type Mark,
  type Verb,
  type WrittenEntry,
} from '../../src/journal/journal.ts';
import { type CommitState, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { Effect, PartitionEffect, Run } from '../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import type { ParkedFound, ParkedWant } from '../../src/worker/core/parked.ts';
import type { PartitionState } from '../../src/worker/core/partition-state.ts';
import { CoreRig, itemsOf } from './core-rig.ts';

interface ParkedCopy {
  readonly mark: number;
  readonly item: Item;
}

/** A core with one partition, the parked topic and the journal around it: what they answer is up to the test. */
export class ParkedRig {
  readonly rig: CoreRig;
  readonly partition: PartitionState;
  readonly parkedLog: ParkedCopy[] = [];
  /** What was done, in order: starts and ends of tasks, journal entries, copies. */
  readonly story: string[] = [];
  #looked = 0;
  #entries = 1_000;
  #nextCommand = 1;

  constructor(config: Partial<CoreConfig> = {}, finding: Partial<TakingFinding> = {}) {
    this.rig = new CoreRig({ afterGiveUp: () => 'parkKey', commitIntervalMs: 10, ...config });
    this.partition = this.rig.take(0, finding);
  }

  /** Effects of parking that have not been answered, in order. */
  open(): PartitionEffect[] {
    const found: PartitionEffect[] = [];
    for (const effect of this.rig.effects.slice(this.#looked)) {
      if (isPartitionEffect(effect)) found.push(effect);
      if (effect.kind === 'await-key') this.#awaitKey(effect);
    }
    this.#looked = this.rig.effects.length;
    return found;
  }

  #awaitKey({ partition, lane }: Extract<Effect, { kind: 'await-key' }>): void {
    const { rig } = this;
    rig.liveKeys.whenFree(rig.core.state.keyName(lane), () =>
      rig.tell((core, at) => core.keyFreed(at, partition, lane)),
    );
  }

  answer(effect: PartitionEffect): void {
    const { rig, partition } = this;
    switch (effect.kind) {
      case 'mark': {
        this.#entries += 1;
        const where = { mark: this.#entries, parkedFrom: this.parkedLog.length };
        this.story.push(`mark ${effect.mark.parked.key}`);
        rig.tell((core, at) => core.marked(at, partition, effect.mark, where));
        return;
      }
      case 'copy':
        this.append(effect);
        rig.tell((core, at) => core.copied(at, partition, effect.copy));
        return;
      case 'write':
        this.story.push(wordsFor(effect));
        rig.tell((core, at) => core.written(at, partition, effect.write));
        return;
      case 'read-parked': {
        const found = effect.wants.map((want) => this.read(want));
        rig.tell((core, at) => core.parkedRead(at, partition, found));
      }
    }
  }

  append({ copy }: Extract<Effect, { kind: 'copy' }>): void {
    for (const item of copy.items) {
      this.parkedLog.push({ mark: copy.parked.mark, item });
      this.story.push(`copy ${item.key}${item.offset}`);
    }
  }

  read(want: ParkedWant): ParkedFound {
    const items: Item[] = [];
    let after = want.after;
    for (let at = want.from; at < this.parkedLog.length; at += 1) {
      const copy = this.parkedLog[at];
      if (copy?.mark !== want.mark || copy.item.offset <= after) continue;
      if (items.length === want.count)
        return { mark: want.mark, items, next: at, atEnd: false, lostBelow: 0 };
      items.push(copy.item);
      after = copy.item.offset;
    }
    return { mark: want.mark, items, next: this.parkedLog.length, atEnd: true, lostBelow: 0 };
  }

  /** Answers everything, commits and lets time pass until nothing is left to do but to run handlers. */
  settle(): void {
    for (let round = 0; round < 1_000; round += 1) {
      const open = this.open();
      for (const effect of open) this.answer(effect);
      if (this.rig.core.state.commitUnderWay) this.rig.ack();
      else if (open.length === 0 && !this.partition.dirty) return;
      this.rig.pass(20);
    }
    throw new Error('it goes on for ever');
  }

  command(key: string, verb: Verb): Command {
    const id = `c${this.#nextCommand}`;
    this.#nextCommand += 1;
    this.#entries += 1;
    const command: Command = { id, offset: this.#entries, key, by: 'me', verb };
    this.rig.tell((core, at) => core.commanded(at, 0, command));
    return command;
  }

  finish(run: Run): void {
    this.story.push(`done ${run.lane.key}${run.item.offset}`);
    this.rig.finish(run);
  }

  /** Ends every handler, and those that follow, until none is running. */
  finishAll(): void {
    for (let round = 0; round < 1_000; round += 1) {
      const run = this.rig.running[0];
      if (run === undefined) {
        this.settle();
        if (this.rig.running.length === 0) return;
      } else {
        this.finish(run);
      }
    }
    throw new Error('handlers go on for ever');
  }

  /** The task of the key that is running gives up for good. */
  giveUp(key: string): void {
    const run = this.rig.runOf(key);
    this.story.push(`gave up ${key}${run.item.offset}`);
    this.rig.end(run, { kind: 'give-up', error: new Error('useless') });
  }

  get done(): string[] {
    return this.story.filter((line) => line.startsWith('done '));
  }

  /** The mark of a key. */
  markOf(key: string): number {
    const parked = this.partition.parkedKeys.get(key);
    if (parked === undefined) throw new Error(`'${key}' is not parked`);
    return parked.mark;
  }
}

function isPartitionEffect(effect: Effect): effect is PartitionEffect {
  return (
    effect.kind === 'mark' ||
    effect.kind === 'copy' ||
    effect.kind === 'write' ||
    effect.kind === 'read-parked'
  );
}

function wordsFor({ write }: Extract<Effect, { kind: 'write' }>): string {
  switch (write.kind) {
    case 'progress':
      return `progress ${write.parked.key} ${write.done}`;
    case 'cleared':
      return `cleared ${write.parked.key} ${write.how}`;
    case 'done':
      return `command ${write.command} ${write.outcome}`;
    case 'truncated':
      return `truncated ${write.from} ${write.to}`;
  }
}

/** A partition with tasks of key k, the first of them running. */
export function withTasks(count: number, config?: Partial<CoreConfig>): ParkedRig {
  const at = new ParkedRig(config);
  at.rig.records(at.partition, itemsOf(0, Array<string>(count).fill('k')));
  return at;
}

/** The same after the first of them has given up. */
export function parkedAfterGivingUp(count = 1): ParkedRig {
  const at = withTasks(count);
  at.giveUp('k');
  at.settle();
  return at;
}

/** The task of the key that runs fails; it is tried again after a long while. */
export function failForLong(at: ParkedRig, key: string): void {
  at.rig.fail(at.rig.runOf(key), { delayMs: 50_000 });
}

/** What an earlier owner wrote of key k: it is parked from its task 1 on. */
export const mark: Mark = {
  id: 7,
  epoch: 3,
  key: 'k',
  scope: 'key',
  from: 1,
  era: -1,
  parkedFrom: 0,
  type: 'job',
  taskId: '',
  reason: 'gave-up',
  error: '',
  atMs: 0,
  command: '',
  done: -1,
  discarded: [],
  redrives: 0,
  stalls: 0,
};

const place = { group: 'g', partition: 0 } as const;
const owned: readonly WrittenEntry[] = [
  { kind: 'claim', ...place, by: 'x', offset: 50 },
  { kind: 'confirm', ...place, epoch: 50, frontier: 0, topicId: 'topic', reason: 'taken', offset: 51 },
];
const statePin = 'abcdefghijklmnopqrstuv';

/** The owner before ended without a word: its last commit says that nothing was finished. */
export function afterCrash(
  marks: readonly Mark[],
  horizon: number,
  config: Partial<CoreConfig> = {},
): ParkedRig {
  return restarted(marks, { clean: false, doneBelow: 0, horizon, lanes: [] }, config);
}

/** What the owner before committed last, at offset 0. */
export function restarted(
  marks: readonly Mark[],
  said: Pick<CommitState, 'clean' | 'doneBelow' | 'horizon' | 'lanes'>,
  config: Partial<CoreConfig> = {},
): ParkedRig {
  const { text } = encodeMetadata({ frontier: 0, epoch: 50, statePin, ...said });
  return new ParkedRig(
    { suspectsAtOnce: 100, ...config },
    { history: { ...foldJournal(owned), marks }, committed: { offset: 0, metadata: text }, statePin },
  );
}
