import { expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { BrokerConnections } from './broker-connections.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import type { Library } from './library.ts';
import { readEachLogEnds, readLogEnds, readOffsetsForTime } from './log-ends.ts';
import { readMetadata } from './metadata.ts';
import { type Attempt, Requests } from './requests.ts';

const q = { topic: 'q', partition: 0 };
const ID = '00000000-0000-0000-0000-0000000000aa';

/** What a broker believes: who leads the partition, since which election. */
interface Belief {
  readonly leader: number;
  readonly epoch: number;
  readonly topicId?: string;
}

/** A partition that has no leader, and one whose leader, broker 2, hangs up. */
interface OtherPartitions {
  readonly leaderless: number;
  readonly silent: number;
}

/** Brokers, by port, that answer about one partition; the log of broker n ends at 100 n. */
class Brokers {
  readonly attempt: Attempt;
  readonly epochsAsked: number[] = [];
  /** Whom {@link BrokerConnections.any} gives next. */
  readonly turns: number[] = [];

  constructor(beliefs: Readonly<Record<number, Belief>>, others?: OtherPartitions) {
    const metadata = async (port: number) => {
      const { leader, epoch, topicId = ID } = beliefs[port] ?? { leader: 0, epoch: 0 };
      const replicas = { replicaNodes: [1, 2], isrNodes: [1, 2] };
      const partitions = [{ partitionIndex: 0, leaderId: leader, leaderEpoch: epoch, ...replicas }];
      if (others !== undefined) {
        const { leaderless, silent } = others;
        partitions.push({ partitionIndex: leaderless, leaderId: -1, leaderEpoch: epoch, ...replicas });
        partitions.push({ partitionIndex: silent, leaderId: 2, leaderEpoch: epoch, ...replicas });
      }
      return {
        brokers: [1, 2].map((nodeId) => ({ nodeId, host: 'h', port: nodeId })),
        controllerId: 1,
        topics: [{ name: 'q', topicId, errorCode: 0, partitions }],
      };
    };
    type Asked = { readonly partitions: readonly { readonly currentLeaderEpoch: number }[] };
    const listOffsets = async (
      port: number,
      _replica: number,
      _isolation: number,
      topics: readonly Asked[],
    ) => {
      if (others !== undefined && port === 2) throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
      for (const { partitions } of topics) {
        this.epochsAsked.push(...partitions.map(({ currentLeaderEpoch }) => currentLeaderEpoch));
      }
      const partitions = [{ partitionIndex: 0, errorCode: 0, offset: BigInt(100 * port) }];
      return { topics: [{ name: 'q', partitions }] };
    };
    const library = {
      metadataV12: { api: { async: metadata } },
      listOffsetsV7: { api: { async: listOffsets } },
    };
    const connections = {
      any: async () => this.turns.shift() ?? 1,
      to: async ({ port }: { readonly port: number }) => port,
      know: () => undefined,
      takeTroubles: () => [],
      someOpen: true,
    };
    this.attempt = {
      // Nothing else of these two is used; a connection is the port here.
      library: library as unknown as Library,
      connections: connections as unknown as BrokerConnections,
      epochs: new LeaderEpochs(),
    };
  }
}

/** Broker 1 has missed that broker 2 was elected. */
const cutOff = { 1: { leader: 1, epoch: 4 }, 2: { leader: 2, epoch: 5 } };

it('believes no broker that names a leader which another one knows to be replaced', async () => {
  const { attempt, turns } = new Brokers(cutOff);
  turns.push(2, 1);
  await readMetadata(attempt, ['q']);
  await expect(readLogEnds(attempt, [q])).rejects.toMatchObject({ apiCode: 74 });
});

it('asks the next one then', async () => {
  const { attempt, turns } = new Brokers(cutOff);
  const clock = new ManualClock();
  const requests = new Requests(attempt, clock, 1_000);
  turns.push(2, 1, 2);
  await readMetadata(attempt, ['q']);
  const ends = requests.run('Ask', (each) => readLogEnds(each, [q]));
  await clock.advance(50);
  expect(await ends).toEqual([{ ...q, start: 200, end: 200 }]);
});

it('asks leaders under their epochs, so that one that was replaced refuses', async () => {
  const { attempt, turns, epochsAsked } = new Brokers(cutOff);
  turns.push(2);
  await readLogEnds(attempt, [q]);
  expect(epochsAsked).toEqual([5, 5]);
});

it('tells of the partitions whose leaders answer, and of each of the others why nothing is told', async () => {
  const { attempt } = new Brokers({ 1: { leader: 1, epoch: 4 } }, { leaderless: 1, silent: 2 });
  const asked = [0, 1, 2, 3].map((partition) => ({ topic: 'q', partition }));
  const failed = (nth: number, failure: object) => ({ ...asked[nth], failure });
  const ends = { start: 100, end: 100 };
  const missing = failed(3, { kind: 'unknown-topic', code: 3 });
  expect(await readEachLogEnds(attempt, asked)).toMatchObject([
    { ...asked[0], ...ends },
    failed(1, { kind: 'transient', code: 5 }),
    failed(2, { kind: 'unreachable' }),
    missing,
  ]);
  expect(await readOffsetsForTime(attempt, asked, 5)).toMatchObject([
    { ...asked[0], offset: 100 },
    failed(1, { code: 5 }),
    failed(2, { kind: 'unreachable' }),
    missing,
  ]);
  await expect(readLogEnds(attempt, asked)).rejects.toMatchObject({ apiCode: 5 });
});

it('begins anew with a topic that was made anew', async () => {
  const made = { leader: 1, epoch: 0, topicId: ID.replace('aa', 'bb') };
  const { attempt, turns } = new Brokers({ ...cutOff, 1: made });
  turns.push(2, 1);
  await readMetadata(attempt, ['q']);
  expect(await readLogEnds(attempt, [q])).toEqual([{ ...q, start: 100, end: 100 }]);
});

it('believes a broker that tells no epochs', async () => {
  const { attempt, turns } = new Brokers({ ...cutOff, 1: { leader: 1, epoch: -1 } });
  turns.push(2, 1);
  await readMetadata(attempt, ['q']);
  expect(await readLogEnds(attempt, [q])).toEqual([{ ...q, start: 100, end: 100 }]);
});
