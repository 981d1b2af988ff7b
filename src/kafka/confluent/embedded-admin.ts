import type { Admin, LogEnds, Told, TopicDescription } from '../admin.ts';
import type { KafkaFailure, TopicPartition } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import type { EmbeddedCluster } from './embedded-cluster.ts';
import { failureOfError } from './failure.ts';
import type { NativeError, NativeMetadata } from './native.ts';
import { nativePartitions } from './partition-table.ts';

const REQUEST_MS = 10_000;
const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The admin was closed' };

/**
 * What the data client can tell about the mock cluster. It knows no topic requests at all: a topic comes into being by
 * being asked for, always with the cluster's own partition count and without configs.
 */
export class EmbeddedAdmin implements Admin {
  readonly #cluster: EmbeddedCluster;
  #closed = false;

  constructor(cluster: EmbeddedCluster) {
    this.#cluster = cluster;
  }

  async describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    // Asking for a topic by name would create it.
    const { topics } = await this.#metadata(undefined);
    const wanted = new Set(names);
    return new Map(
      topics.filter(({ name }) => wanted.has(name)).map((topic) => [topic.name, describe(topic)]),
    );
  }

  async createTopics(
    specs: Parameters<Admin['createTopics']>[0],
  ): Promise<{ readonly created: readonly string[]; readonly existed: readonly string[] }> {
    const names = specs.map(({ name }) => name);
    const existing = await this.describeTopics(names);
    const created = names.filter((name) => !existing.has(name));
    for (const name of created) await this.#metadata(name);
    return { created, existed: names.filter((name) => existing.has(name)) };
  }

  async logEnds(partitions: readonly TopicPartition[]): Promise<readonly LogEnds[]> {
    return Promise.all(nativePartitions(partitions).map((one) => this.#logEnds(one)));
  }

  async eachLogEnds(partitions: readonly TopicPartition[]): Promise<readonly Told<LogEnds>[]> {
    this.#owner();
    return await Promise.all(
      nativePartitions(partitions).map((place) =>
        this.#logEnds(place).catch((error: unknown) => {
          if (error instanceof KafkaRequestError) return { ...place, failure: error.failure };
          throw error;
        }),
      ),
    );
  }

  async brokerCount(): Promise<number> {
    return (await this.#metadata(undefined)).brokers.length;
  }

  /** The mock cluster offers it, and assigns at once where a classic group waits three seconds for further members. */
  offersConsumerProtocol(): Promise<boolean> {
    return Promise.resolve(true);
  }

  topicConfigs(name: string): Promise<never> {
    return unsupported(`read the configs of topic ${name}`);
  }

  brokerConfigs(): Promise<never> {
    return unsupported('read the broker configs');
  }

  groupProtocol(group: string): Promise<never> {
    return unsupported(`describe group ${group}`);
  }

  leaderEnds(): Promise<never> {
    return unsupported('ask what is left of a leader');
  }

  groupMembers(group: string): Promise<never> {
    return unsupported(`describe group ${group}`);
  }

  deleteRecords(): Promise<never> {
    return unsupported('delete records');
  }

  offsetsForTime(): Promise<never> {
    return unsupported('find offsets by time');
  }

  committedOffsets(group: string): Promise<never> {
    return unsupported(`read what group ${group} has committed`);
  }

  logSizes(): Promise<never> {
    return unsupported("read the logs' sizes");
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** The cluster goes on without this admin; the admin does not. */
  #owner(): EmbeddedCluster['owner'] {
    if (this.#closed) throw new KafkaRequestError('The embedded cluster was not asked', CLOSED);
    return this.#cluster.owner;
  }

  #metadata(topic: string | undefined): Promise<NativeMetadata> {
    const request = { allTopics: topic === undefined, timeout: REQUEST_MS };
    return ask('read metadata', (done) =>
      this.#owner().getMetadata(topic === undefined ? request : { ...request, topic }, done),
    );
  }

  async #logEnds({ topic, partition }: TopicPartition): Promise<LogEnds> {
    const { lowOffset, highOffset } = await ask<{ lowOffset: number; highOffset: number }>(
      `read the log ends of ${topic}/${partition}`,
      (done) => this.#owner().queryWatermarkOffsets(topic, partition, REQUEST_MS, done),
    );
    return { topic, partition, start: lowOffset, end: highOffset };
  }
}

function ask<T>(
  what: string,
  send: (done: (error: NativeError | null | undefined, result: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) =>
      reject(new KafkaRequestError(`Could not ${what}`, failureOfError(error), error));
    try {
      send((error, result) => (error === null || error === undefined ? resolve(result) : refuse(error)));
    } catch (error) {
      refuse(error);
    }
  });
}

function describe(topic: NativeMetadata['topics'][number]): TopicDescription {
  return {
    name: topic.name,
    id: undefined,
    partitions: topic.partitions.map(({ id, leader, replicas, isrs }) => ({
      partition: id,
      leader: leader < 0 ? undefined : leader,
      replicas,
      inSyncReplicas: isrs,
    })),
  };
}

function unsupported(what: string): Promise<never> {
  const message = 'the embedded cluster does not offer it';
  return Promise.reject(
    new KafkaRequestError(`Could not ${what}`, { kind: 'unsupported', code: undefined, message }),
  );
}
