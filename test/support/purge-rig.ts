import type { Clock } from '../../src/clock/clock.ts';
import { ManualClock } from '../../src/clock/manual-clock.ts';
import type { JournalEntry } from '../../src/journal/journal.ts';
import { encodeEntry } from '../../src/journal/journal-entry.ts';
import type { Admin } from '../../src/kafka/admin.ts';
import { MemoryAdmin } from '../../src/kafka/memory/memory-admin.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { MemoryReader } from '../../src/kafka/memory/memory-reader.ts';
import type { OutgoingRecord } from '../../src/kafka/port.ts';
import { type Retention, resolveRetention } from '../../src/options/retention.ts';
import { Emitter } from '../../src/telemetry/emitter.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { PartitionState } from '../../src/worker/core/partition-state.ts';
import { StateJournal } from '../../src/worker/journal/state-journal.ts';
import { FreshCommits } from '../../src/worker/retention/fresh-commits.ts';
import { openPurger } from '../../src/worker/retention/open-purger.ts';
import type { Purger } from '../../src/worker/retention/purger.ts';
import type { RetentionPin } from '../../src/worker/retention/retention-health.ts';
import type { UploadTimeouts } from '../../src/worker/retention/upload-timeouts.ts';
import type { WorkerEvents } from '../../src/worker/worker-events.ts';

/** 10 s are kept, an upload may take 30 s, and clocks may differ by 10 s. A round is every 2.5 s. */
export const KEEP_MS = 10_000;
export const UPLOAD_MS = 30_000;
export const MARGIN_MS = 10_000;
export const ROUND_MS = 2_500;
/** Divides all of them. */
const STEP_MS = 500;
const START_MS = 1_700_000_000_000;

const BROKER_TIME = { configs: { 'message.timestamp.type': 'LogAppendTime' } };

/** Two partitions of everything but the queue, which has `partitions`. */
export class PurgeRig {
  readonly clock = new ManualClock(START_MS);
  readonly cluster = new MemoryCluster({ clock: this.clock });
  /** Each request to the cluster, by its name, workers' included. */
  readonly asked: string[] = [];
  readonly #owners: OwnerRig[] = [];

  readonly partitions: number;

  constructor(partitions = 2) {
    this.partitions = partitions;
    this.cluster.createTopic('q', { ...BROKER_TIME, partitions });
    for (const name of ['q.state', 'q.parked', 'q.parts']) {
      this.cluster.createTopic(name, { ...BROKER_TIME, partitions: 2 });
    }
  }

  /** A worker of a group that runs these partitions of the queue, once it has claimed them. */
  async owner(options: Partial<OwnerOptions> = {}): Promise<OwnerRig> {
    const owner = new OwnerRig(this, {
      group: 'g',
      groups: ['g'],
      partitions: [...Array(this.partitions).keys()],
      retention: resolveRetention({ keepFinishedMs: KEEP_MS }, UPLOAD_MS),
      wallOffMs: 0,
      ...options,
    });
    this.#owners.push(owner);
    await owner.take();
    return owner;
  }

  append(topic: string, partition: number, count = 1, record: Partial<OutgoingRecord> = {}): number {
    const records = Array.from({ length: count }, () => ({
      key: null,
      value: Buffer.alloc(100),
      headers: [],
      ...record,
    }));
    const [first] = this.cluster.write({ topic, partition }, records);
    if (first?.kind !== 'appended') throw new Error('not appended');
    return first.offset;
  }

  journal(entry: JournalEntry): number {
    return this.append('q.state', entry.partition % 2, 1, { value: Buffer.from(encodeEntry(entry)) });
  }

  commit(group: string, partition: number, offset: number): void {
    const offsets = this.cluster.group(group).offsets as Map<string, { offset: number; metadata: string }>; // a map, told as read-only
    offsets.set(`q/${partition}`, { offset, metadata: '' });
  }

  start(topic: string, partition = 0): number {
    return this.cluster.log({ topic, partition })?.ends.start ?? -1;
  }

  /** Lets so many rounds begin and end. */
  async rounds(count = 1): Promise<void> {
    await this.pass(ROUND_MS * count);
  }

  /** Time passes, and each round that begins ends at once, unless something holds it up. */
  async pass(ms: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + ms;
    for (;;) {
      await settled();
      const leftMs = endMs - this.clock.monotonicMs();
      if (leftMs <= 0) return;
      await this.clock.advance(Math.min(STEP_MS, leftMs));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#owners.map((owner) => owner.purger.stop()));
  }
}

interface OwnerOptions {
  readonly group: string;
  readonly groups: readonly string[];
  readonly partitions: readonly number[];
  readonly retention: Retention;
  /** How wrong the clock on its wall is. */
  readonly wallOffMs: number;
}

export class OwnerRig {
  readonly purger: Purger;
  readonly uploads: UploadTimeouts;
  readonly events: { name: keyof WorkerEvents; event: unknown }[] = [];
  readonly owned: ReadonlyMap<number, PartitionState>;
  /** How the group answers commits: by itself, unless a test does it. */
  answers = true;
  /** Partitions for which a commit was asked for. */
  readonly asked: PartitionState[] = [];
  readonly commits: FreshCommits;
  /** May be replaced: what the worker's admin is. */
  admin: Admin;
  readonly group: string;
  readonly #rig: PurgeRig;
  readonly #journal: StateJournal;

  constructor(rig: PurgeRig, { group, groups, partitions, retention, wallOffMs }: OwnerOptions) {
    this.#rig = rig;
    this.group = group;
    this.admin = counting(new MemoryAdmin(rig.cluster), rig.asked);
    const clock: Clock = {
      wallMs: () => rig.clock.wallMs() + wallOffMs,
      monotonicMs: () => rig.clock.monotonicMs() - START_MS,
      setTimer: (delayMs, callback) => rig.clock.setTimer(delayMs, callback),
    };
    this.#journal = new StateJournal({
      group,
      topic: 'q.state',
      partitionCount: 2,
      append: async ({ partition, value }) => ({
        offset: rig.append('q.state', partition, 1, { value }),
        timestampMs: rig.clock.wallMs(),
      }),
      reader: new MemoryReader(rig.cluster),
      clock,
      newId: () => 'id',
      onEntry: () => {},
      onBroken: (error) => {
        throw error;
      },
    });
    this.owned = new Map(partitions.map((partition) => [partition, new PartitionState(partition)]));
    const events = new Emitter<WorkerEvents>((error) => {
      throw error;
    });
    for (const name of [
      'purged',
      'retention-pinned',
      'retention-refused',
      'retention-alarm',
      'problem',
    ] as const)
      events.on(name, (event) => this.events.push({ name, event }));
    this.commits = new FreshCommits((asked) => {
      for (const partition of asked) if (partition.phase === 'running') partition.changes += 1;
      this.asked.push(...asked);
      if (this.answers) setImmediate(() => this.acknowledge(...asked));
    }, clock);
    const opened = openPurger({
      driver: { embedded: undefined },
      group,
      groups,
      retention,
      topics: {
        queue: { name: 'q', partitions: rig.partitions },
        state: { name: 'q.state', partitions: 2 },
        parked: { name: 'q.parked', partitions: 2 },
        parts: { name: 'q.parts', partitions: 2 },
      },
      journal: this.#journal,
      commits: this.commits,
      commitIntervalMs: 100,
      partitions: () => this.owned.values(),
      admin: async () => this.admin,
      clock,
      events,
      logger: silentLogger,
    });
    if (opened === undefined) throw new Error('there is no purger');
    this.purger = opened.purger;
    this.uploads = opened.uploads;
  }

  async take(): Promise<void> {
    const [topic] = (await this.admin.describeTopics(['q'])).values();
    for (const [partition, state] of this.owned) {
      state.topicId = topic?.id ?? '';
      state.epoch = await this.#journal.append({ kind: 'claim', group: this.group, partition, by: 'w' });
      for (const phase of ['inspecting', 'taking', 'confirming', 'running'] as const) state.move(phase);
      this.finish(partition, this.#rig.cluster.committed(this.group, { topic: 'q', partition })?.offset ?? 0);
    }
    this.purger.start();
  }

  state(partition = 0): PartitionState {
    const state = this.owned.get(partition);
    if (state === undefined) throw new Error(`partition ${partition} is not owned`);
    return state;
  }

  /** All below is finished, committed, and in the journal too. */
  finish(partition: number, frontier: number, read = frontier): void {
    this.commit(partition, frontier, read);
    this.confirm(partition, frontier);
  }

  commit(partition: number, frontier: number, read = frontier): void {
    const state = this.state(partition);
    state.committedFrontier = frontier;
    state.nextOffset = Math.max(state.nextOffset, read);
    state.changes += 1;
    state.committedChanges = state.changes;
    this.#rig.commit(this.group, partition, frontier);
  }

  /** `leaderEpoch`: of the leader that appended what is finished. */
  confirm(partition: number, frontier: number, leaderEpoch?: number): number {
    const { topicId, epoch } = this.state(partition);
    const place = { group: this.group, partition, epoch };
    const leader = leaderEpoch === undefined ? {} : { leaderEpoch };
    return this.#rig.journal({ kind: 'confirm', ...place, frontier, topicId, reason: 'periodic', ...leader });
  }

  acknowledge(...partitions: readonly PartitionState[]): void {
    for (const partition of partitions) {
      const { changes, committedFrontier } = partition;
      partition.committedChanges = changes;
      const item = { partition, changes, offset: committedFrontier, metadata: '' };
      this.commits.acknowledged({ ...item, doneBelow: committedFrontier, horizon: 0 });
    }
  }

  /** Pins, each time that one was told. */
  get toldPins(): readonly RetentionPin[] {
    return this.of('retention-pinned').flatMap(({ worst }) => worst);
  }

  of<K extends keyof WorkerEvents>(name: K): WorkerEvents[K][] {
    return this.events.filter((one) => one.name === name).map(({ event }) => event as WorkerEvents[K]); // noted under its name
  }
}

/** Its question for times is answered when the test says so. */
export function holdBackTimes(owner: { admin: Admin }): { readonly admin: Admin; answer?: () => void } {
  const { admin } = owner;
  const held: { readonly admin: Admin; answer?: () => void } = { admin };
  owner.admin = new Proxy(admin, {
    get: (target, name) =>
      name === 'offsetsForTime'
        ? (...given: Parameters<typeof admin.offsetsForTime>) =>
            new Promise((resolve) => {
              held.answer = () => resolve(admin.offsetsForTime(...given));
            })
        : (Reflect.get(target, name) as unknown),
  });
  return held;
}

/** Promises on their way come to their end; a memory cluster answers in microtasks. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
}

function counting(admin: Admin, asked: string[]): Admin {
  return new Proxy(admin, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        asked.push(String(name));
        return Reflect.apply(value, target, given) as unknown;
      };
    },
  });
}
