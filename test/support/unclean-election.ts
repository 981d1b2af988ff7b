import { Admin } from '@platformatic/kafka';
import { defineTask, EnqueueError, type TaskQueue } from 'keylane';
import { z } from 'zod';
import { type KafkaBroker, type KafkaCluster, startKafka } from './kafka/cluster.ts';

export const tasks = {
  work: defineTask({ schema: z.object({ key: z.string(), n: z.number() }), key: ({ key }) => key }),
};

const TOPIC = 2;
const SET = 0;

/** A cluster in which an election can lose the end of the log of `q`, which has one partition on two of three brokers. */
export interface UncleanWorld {
  readonly cluster: KafkaCluster;
  /** `meanwhile` is what the broker that will be elected has no part in. Resolves once it is about to be elected. */
  loseEnd(meanwhile: () => Promise<void>): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startUncleanWorld(): Promise<UncleanWorld> {
  const cluster = await startKafka({ brokerConfig: { 'broker.session.timeout.ms': '6000' } });
  const brokers = cluster.bootstrap.split(',');
  const admin = new Admin({ clientId: 'unclean', bootstrapBrokers: brokers, retries: 20, retryDelay: 500 });
  const [a, b] = cluster.brokers;
  if (a === undefined || b === undefined) throw new Error('three brokers expected');
  await createTopics(admin, cluster.brokers);
  return {
    cluster,
    loseEnd: async (meanwhile) => {
      const config = { name: 'unclean.leader.election.enable', configOperation: SET, value: 'true' } as const;
      await admin.incrementalAlterConfigs({
        resources: [{ resourceType: TOPIC, resourceName: 'q', configs: [config] }],
      });
      await b.stop();
      await meanwhile();
      await a.kill();
      await b.start(); // it becomes the leader, without what it has missed
    },
    [Symbol.asyncDispose]: async () => {
      await admin.close();
      await cluster.stop();
    },
  };
}

/**
 * The queue's log is on two of the three brokers, so that one of these can have less than the other; the topics beside it
 * have one that stays.
 */
async function createTopics(admin: Admin, [a, b, stays]: readonly KafkaBroker[]): Promise<void> {
  if (a === undefined || b === undefined || stays === undefined) throw new Error('three brokers expected');
  const configs = {
    'message.timestamp.type': 'LogAppendTime',
    'retention.ms': '-1',
    'min.insync.replicas': '1',
    'max.message.bytes': '2000000',
  };
  for (const topic of ['q', 'q.state', 'q.parked', 'q.parts']) {
    await admin.createTopics({
      topics: [topic],
      partitions: -1,
      replicas: -1, // as assigned
      assignments: [{ partition: 0, brokers: topic === 'q' ? [a.id, b.id] : [stays.id, a.id] }],
      configs: Object.entries(configs).map(([name, value]) => ({ name, value })),
    });
  }
}

/** A producer whose partition was cut off cannot tell what became of its last record: the caller asks again. */
export async function enqueueAnyhow(queue: TaskQueue<typeof tasks>, n: number): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await queue.enqueue('work', { key: 'k', n }, { id: `task ${n}` });
      return;
    } catch (error) {
      if (!(error instanceof EnqueueError) || tries === 5) throw error;
    }
  }
}
