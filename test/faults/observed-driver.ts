import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type { Membership, MembershipEvent, OffsetCommit, Reader } from '../../src/kafka/port.ts';
import { decodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CommitClaim } from '../checker/events.ts';
import type { EventLog } from './event-log.ts';
import { readThrough } from './read-through.ts';

/**
 * Writes down what passes between the engine and its group: what is assigned, asked back and given up, every commit as
 * it is really sent, and every acknowledgement. Nothing here asks the engine what it believes.
 */
export function observedDriver(driver: KafkaDriver, log: EventLog): KafkaDriver {
  // Of the process: a worker that joins its group again does so as another member.
  const commits = { last: 0 };
  return {
    embedded: driver.embedded,
    appender: () => driver.appender(),
    reader: async (options) => countedReader(await driver.reader(options)),
    membership: (options) => observedMembership(driver.membership(options), log, commits),
    admin: () => driver.admin(),
    close: () => driver.close(),
  };
}

let readBytes = 0;

/** Bytes of the records that this process's readers have handed out. */
export function readSoFar(): number {
  return readBytes;
}

function countedReader(reader: Reader): Reader {
  return readThrough(reader, (records) => {
    for (const { value } of records) readBytes += value?.length ?? 0;
    return records;
  });
}

function observedMembership(membership: Membership, log: EventLog, commits: { last: number }): Membership {
  return {
    join: (listener) => membership.join((event) => listener(observedEvent(event, log))),
    async commit(offsets) {
      commits.last += 1;
      const commit = commits.last;
      log.write({ event: 'commit-sent', commit, claims: offsets.map(claimOf) });
      const outcomes = await membership.commit(offsets);
      for (const { partition, failure } of outcomes) {
        if (failure === undefined) log.write({ event: 'commit-acked', commit, partition });
        else
          log.write({ event: 'commit-failed', commit, partition, error: `${failure.kind} ${failure.code}` });
      }
      return outcomes;
    },
    async committed(partitions) {
      const found = await membership.committed(partitions);
      const claims = found.map((c) => claimOf({ ...c, offset: c.offset ?? 0 }));
      log.write({ event: 'committed-read', claims });
      return found;
    },
    leave: () => membership.leave(),
    abandon: () => membership.abandon(),
  };
}

function observedEvent(event: MembershipEvent, log: EventLog): MembershipEvent {
  if (event.kind === 'problem' || event.kind === 'unheard') return event;
  const partitions = event.partitions.map((p) => p.partition);
  if (partitions.length === 0) return event;
  if (event.kind === 'assigned') log.write({ event: 'assigned', partitions });
  if (event.kind === 'lost') log.write({ event: 'given-up', partitions, how: 'lost' });
  if (event.kind !== 'revoked') return event;
  log.write({ event: 'revoke-asked', partitions });
  const answer = (): void => {
    log.write({ event: 'given-up', partitions, how: 'revoked' });
    event.answer();
  };
  return { ...event, answer };
}

/** What this commit tells a later owner: the offset, and what the metadata beside it says. */
function claimOf({ partition, offset, metadata }: OffsetCommit): CommitClaim {
  const decoded = decodeMetadata(metadata, offset);
  if (decoded.kind !== 'state') return { partition, epoch: -1, offset, doneBelow: offset, unfinished: [] };
  const { epoch, doneBelow, lanes } = decoded.state;
  return {
    partition,
    epoch,
    offset,
    doneBelow,
    unfinished: lanes.map((l) => ({ lane: l.hash, from: l.offset })),
  };
}
