import type {
  IncomingRecord,
  KafkaDriver,
  Membership,
  MembershipEvent,
  OffsetCommit,
  Reader,
} from '../../src/kafka/port.ts';
import { decodeMetadata, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
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

/** One in so many tasks is dropped by the mutant that drops. */
const DROP_ONE_IN = 97;

/** Whether this mutant takes the task for done without having run it. */
export function dropsTask(mutant: EngineMutant | undefined, call: number): boolean {
  return mutant === 'drop-one' && call % DROP_ONE_IN === 0;
}

/** The driver as a worker with this fault would use it. `topic` is the queue's: what else is read stays as it is. */
export function mutatedDriver(
  driver: KafkaDriver,
  mutant: EngineMutant | undefined,
  topic: string,
): KafkaDriver {
  if (mutant === undefined || mutant === 'drop-one') return driver;
  const mutateRecords = mutant === 'swap-two' ? swapTwo : mutant === 'two-at-once' ? splitLanes : undefined;
  return {
    embedded: driver.embedded,
    appender: () => driver.appender(),
    reader: async (options) => {
      const reader = await driver.reader(options);
      return mutateRecords === undefined ? reader : mutatedReader(reader, topic, mutateRecords);
    },
    membership: (options) => {
      const membership = driver.membership(options);
      if (mutant === 'commit-plus-one') return committingTooFar(membership);
      return mutant === 'ignored-revoke' ? deafToRevokes(membership) : membership;
    },
    admin: () => driver.admin(),
    close: () => driver.close(),
  };
}

function mutatedReader(
  reader: Reader,
  topic: string,
  mutate: (records: readonly IncomingRecord[]) => readonly IncomingRecord[],
): Reader {
  return readThrough(reader, (records) =>
    records.every((r) => r.topic === topic) ? mutate(records) : records,
  );
}

/** Two records of a key that came together change places. */
function swapTwo(records: readonly IncomingRecord[]): readonly IncomingRecord[] {
  const swapped = [...records];
  const lastOfKey = new Map<string, number>();
  for (const [index, record] of records.entries()) {
    const lane = `${record.partition} ${record.key?.toString('latin1')}`;
    const before = records[lastOfKey.get(lane) ?? -1];
    if (before === undefined) {
      lastOfKey.set(lane, index);
      continue;
    }
    swapped[lastOfKey.get(lane) ?? 0] = { ...record, offset: before.offset };
    swapped[index] = { ...before, offset: record.offset };
    return swapped;
  }
  return swapped;
}

/** Every other record of a key seems to belong to another key, and so runs beside it. */
function splitLanes(records: readonly IncomingRecord[]): readonly IncomingRecord[] {
  return records.map((record) =>
    record.key === null || record.offset % 2 === 0
      ? record
      : { ...record, key: Buffer.concat([record.key, Buffer.from('+')]) },
  );
}

function committingTooFar(membership: Membership): Membership {
  return { ...delegate(membership), commit: (offsets) => membership.commit(offsets.map(oneFurther)) };
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
