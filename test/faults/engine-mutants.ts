import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type {
  IncomingRecord,
  Membership,
  MembershipEvent,
  OffsetCommit,
  Reader,
} from '../../src/kafka/port.ts';
import { decodeMetadata, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { RunPlace } from '../checker/events.ts';
import { readThrough } from './read-through.ts';

/** Faults an engine could have, made around the real one: the checker must see each in what the processes do. */
export const engineMutants = [
  'commit-plus-one',
  'drop-one',
  'swap-two',
  'two-at-once',
  'ignored-revoke',
] as const;

export type EngineMutant = (typeof engineMutants)[number];

export function isEngineMutant(name: string): name is EngineMutant {
  return (engineMutants as readonly string[]).includes(name);
}

/**
 * A worker's fault. Whether it can be seen may hang on what happens at the same time; then tasks wait with their end until
 * it has, so that it is seen on a machine of any speed.
 */
export interface EngineFault {
  /** The driver as a worker with this fault would use it. */
  readonly driver: (driver: KafkaDriver) => KafkaDriver;
  /** Whether the task is taken for done without having run. */
  readonly drops: (call: number) => boolean;
  readonly started: (run: RunPlace) => void;
  /** Resolves when the task may end. */
  readonly mayEnd: (run: RunPlace) => Promise<void>;
  readonly ended: (run: RunPlace, end: 'finished' | 'not finished') => void;
}

const noFault: EngineFault = {
  driver: (driver) => driver,
  drops: () => false,
  started: () => undefined,
  mayEnd: () => Promise.resolve(),
  ended: () => undefined,
};

/** `topic` is the queue's: what else is read stays as it is. */
export function engineFault(mutant: EngineMutant | undefined, topic: string): EngineFault {
  switch (mutant) {
    case undefined:
      return noFault;
    case 'drop-one':
      return { ...noFault, drops: (call) => call % DROP_ONE_IN === 0 };
    case 'commit-plus-one':
      return commitPlusOne();
    case 'swap-two':
      return { ...noFault, driver: (driver) => mutatedReaders(driver, (reader) => swapTwo(reader, topic)) };
    case 'two-at-once':
      return twoAtOnce(topic);
    case 'ignored-revoke':
      return { ...noFault, driver: (driver) => mutatedMembers(driver, deafToRevokes) };
  }
}

/** One in so many tasks is dropped by the mutant that drops. */
const DROP_ONE_IN = 97;

function mutatedReaders(driver: KafkaDriver, mutate: (reader: Reader) => Reader): KafkaDriver {
  return { ...delegateDriver(driver), reader: async (options) => mutate(await driver.reader(options)) };
}

function mutatedMembers(driver: KafkaDriver, mutate: (membership: Membership) => Membership): KafkaDriver {
  return { ...delegateDriver(driver), membership: (options) => mutate(driver.membership(options)) };
}

function delegateDriver(driver: KafkaDriver): KafkaDriver {
  return {
    embedded: driver.embedded,
    appender: () => driver.appender(),
    reader: (options) => driver.reader(options),
    membership: (options) => driver.membership(options),
    admin: () => driver.admin(),
    close: () => driver.close(),
  };
}

/**
 * In every partition the first two records of a key change places. What comes before the second of them waits for it, as
 * they may come one by one.
 */
function swapTwo(reader: Reader, topic: string): Reader {
  const waiting = new Map<number, IncomingRecord[]>();
  const swapped = new Set<number>();
  const pass = (record: IncomingRecord): readonly IncomingRecord[] => {
    const { partition } = record;
    if (record.topic !== topic || swapped.has(partition)) return [record];
    const before = waiting.get(partition) ?? [];
    const index = before.findIndex(({ key }) => key !== null && record.key?.equals(key) === true);
    const first = before[index];
    if (first === undefined) {
      waiting.set(partition, [...before, record]);
      return [];
    }
    swapped.add(partition);
    waiting.delete(partition);
    const early = { ...record, offset: first.offset };
    return [...before.with(index, early), { ...first, offset: record.offset }];
  };
  const forget = (partitions: readonly { readonly partition: number }[]): void => {
    for (const { partition } of partitions) waiting.delete(partition);
  };
  return {
    ...readThrough(reader, (records) => records.flatMap(pass)),
    assign: (positions) => {
      forget(positions);
      return reader.assign(positions);
    },
    unassign: (partitions) => {
      forget(partitions);
      return reader.unassign(partitions);
    },
  };
}

/**
 * Every other record of a key seems to belong to another key, and so runs beside it. No task ends before two of a key have
 * run at once.
 */
function twoAtOnce(topic: string): EngineFault {
  const running = new Map<string, number>();
  const shown = new Once();
  const count = (key: string, change: number): number => {
    const now = (running.get(key) ?? 0) + change;
    running.set(key, now);
    return now;
  };
  return {
    ...noFault,
    driver: (driver) =>
      mutatedReaders(driver, (reader) =>
        readThrough(reader, (records) => records.map((record) => splitLane(record, topic))),
      ),
    started: ({ key }) => {
      if (count(key, 1) > 1) shown.happens();
    },
    mayEnd: () => shown.happened,
    ended: ({ key }) => void count(key, -1),
  };
}

function splitLane(record: IncomingRecord, topic: string): IncomingRecord {
  return record.topic !== topic || record.key === null || record.offset % 2 === 0
    ? record
    : { ...record, key: Buffer.concat([record.key, Buffer.from('+')]) };
}

/**
 * Commits pass the first unfinished task. The first one behind which another has been finished, so that there is something
 * to be said of what lies beyond it, ends only when a commit that passes it was acknowledged.
 */
function commitPlusOne(): EngineFault {
  /** By partition: the highest offset of a finished task; and below what an acknowledged commit says all is finished. */
  const finished = new Map<number, number>();
  const passed = new Map<number, number>();
  let awaited: (RunPlace & { readonly passing: Once }) | undefined;
  const committed = ({ partition, offset }: OffsetCommit): void => {
    passed.set(partition, offset);
    if (awaited?.partition === partition && awaited.offset < offset) awaited.passing.happens();
  };
  return {
    ...noFault,
    driver: (driver) => mutatedMembers(driver, (membership) => committingTooFar(membership, committed)),
    mayEnd: (run) => {
      const isOvertaken = (finished.get(run.partition) ?? -1) > run.offset;
      if (awaited !== undefined || !isOvertaken) return Promise.resolve();
      awaited = { ...run, passing: new Once() };
      if ((passed.get(run.partition) ?? -1) > run.offset) awaited.passing.happens();
      return awaited.passing.happened;
    },
    ended: ({ partition, offset }, end) => {
      if (end === 'finished') finished.set(partition, Math.max(offset, finished.get(partition) ?? -1));
    },
  };
}

function committingTooFar(membership: Membership, committed: (commit: OffsetCommit) => void): Membership {
  const commit: Membership['commit'] = async (offsets) => {
    const further = offsets.map(oneFurther);
    const outcomes = await membership.commit(further);
    for (const [index, one] of further.entries()) if (outcomes[index]?.failure === undefined) committed(one);
    return outcomes;
  };
  return { ...delegate(membership), commit };
}

/** The same commit, well formed, but for the first unfinished task, which it passes. */
function oneFurther(commit: OffsetCommit): OffsetCommit {
  const decoded = decodeMetadata(commit.metadata, commit.offset);
  if (decoded.kind !== 'state' || decoded.state.doneBelow <= commit.offset) return commit;
  const { state } = decoded;
  const frontier = state.frontier + 1;
  const lanes = state.lanes.map((lane) => (lane.offset < frontier ? { ...lane, offset: frontier } : lane));
  const { text } = encodeMetadata({ ...state, frontier, lanes });
  return { ...commit, offset: frontier, metadata: text };
}

function deafToRevokes(membership: Membership): Membership {
  const join = (listener: (event: MembershipEvent) => void): Promise<void> =>
    membership.join((event) => {
      if (event.kind === 'revoked') event.answer();
      else listener(event);
    });
  return { ...delegate(membership), join };
}

function delegate(membership: Membership): Membership {
  return {
    join: (listener) => membership.join(listener),
    commit: (offsets) => membership.commit(offsets),
    committed: (partitions) => membership.committed(partitions),
    leave: () => membership.leave(),
    abandon: () => membership.abandon(),
  };
}

/** Something that happens once. */
class Once {
  readonly happened: Promise<void>;
  happens: () => void = () => undefined;

  constructor() {
    this.happened = new Promise((resolve) => {
      this.happens = resolve;
    });
  }
}
