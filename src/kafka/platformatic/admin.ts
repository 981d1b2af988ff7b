import { type Clock, systemClock } from '../../clock/clock.ts';
import type {
  Admin,
  ConfigMap,
  DeleteOutcome,
  GroupMember,
  LeaderEnd,
  LogEnds,
  OffsetForTime,
  PastLeader,
  Told,
  TopicDescription,
  TopicSpec,
} from '../admin.ts';
import type { CommittedOffset, GroupProtocol, Position, TopicPartition } from '../port.ts';
import type { ClusterAddress } from '../security.ts';
import { BrokerConnections } from './broker-connections.ts';
import { readCommittedOffsets } from './committed-offsets.ts';
import { connectionOptions, parseBroker } from './connection-options.ts';
import { createTopics } from './create-topics.ts';
import { deleteRecords } from './delete-records.ts';
import { readGroupMembers, readGroupProtocol, readOffersConsumerProtocol } from './groups.ts';
import { readLeaderEnds } from './leader-ends.ts';
import { LeaderEpochs } from './leader-epochs.ts';
import { loadLibrary } from './library.ts';
import { readEachLogEnds, readLogEnds, readOffsetsForTime } from './log-ends.ts';
import { readLogSizes } from './log-sizes.ts';
import { readMetadata } from './metadata.ts';
import { readBrokerConfigs, readTopicConfigs } from './read-configs.ts';
import { Requests } from './requests.ts';
import { requireApis } from './require-apis.ts';

/** Whoever asks for members asks again soon. */
const DESCRIBE_MS = 10_000;

/**
 * The control plane of a real cluster, over `@platformatic/kafka` (no native code). Resolves when a broker has let us
 * in.
 *
 * @throws KafkaRequestError `unreachable` after `connectTimeoutMs`, `authentication`, or `unsupported` by a cluster
 * older than Kafka 3.7.
 */
export async function platformaticAdmin(address: ClusterAddress, clock: Clock = systemClock): Promise<Admin> {
  const options = connectionOptions(address, clock);
  const bootstrap = address.brokers.map(parseBroker);
  const library = await loadLibrary();
  const connections = new BrokerConnections(library, { clientId: address.clientId, bootstrap }, options);
  const attempt = { library, connections, epochs: new LeaderEpochs() };
  const requests = new Requests(attempt, clock, address.connectTimeoutMs);
  try {
    const what = `Cannot connect to Kafka at ${address.brokers.join(', ')}`;
    await requests.run(what, requireApis, address.connectTimeoutMs);
  } catch (error) {
    requests.close();
    throw error;
  }
  return new PlatformaticAdmin(requests);
}

class PlatformaticAdmin implements Admin {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.#requests.run(
      `Cannot describe topics ${names.join(', ')}`,
      async (attempt) => (await readMetadata(attempt, names)).topics,
    );
  }

  topicConfigs(name: string): Promise<ConfigMap> {
    return this.#requests.run(`Cannot read the configs of topic ${name}`, (attempt) =>
      readTopicConfigs(attempt, name),
    );
  }

  brokerConfigs(): Promise<ConfigMap> {
    return this.#requests.run("Cannot read a broker's configs", readBrokerConfigs);
  }

  brokerCount(): Promise<number> {
    return this.#requests.run(
      'Cannot count the brokers',
      async (attempt) => (await readMetadata(attempt, [])).brokers.size,
    );
  }

  async createTopics(
    specs: readonly TopicSpec[],
  ): Promise<{ readonly created: readonly string[]; readonly existed: readonly string[] }> {
    if (specs.length === 0) return { created: [], existed: [] };
    return createTopics(this.#requests, specs);
  }

  logEnds(partitions: readonly TopicPartition[]): Promise<readonly LogEnds[]> {
    return this.#requests.run("Cannot read the logs' ends", (attempt) => readLogEnds(attempt, partitions));
  }

  eachLogEnds(partitions: readonly TopicPartition[]): Promise<readonly Told<LogEnds>[]> {
    return this.#requests.run("Cannot read the logs' ends", (attempt) =>
      readEachLogEnds(attempt, partitions),
    );
  }

  leaderEnds(leaders: readonly PastLeader[]): Promise<readonly Told<LeaderEnd>[]> {
    return this.#requests.run('Cannot ask what is left of leaders', (attempt) =>
      readLeaderEnds(attempt, leaders),
    );
  }

  deleteRecords(
    positions: readonly Position[],
    mayGo: (position: Position) => boolean = () => true,
  ): Promise<readonly DeleteOutcome[]> {
    return this.#requests.run('Cannot delete records', (attempt) => deleteRecords(attempt, positions, mayGo));
  }

  offsetsForTime(
    partitions: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<readonly Told<OffsetForTime>[]> {
    return this.#requests.run('Cannot find offsets by time', (attempt) =>
      readOffsetsForTime(attempt, partitions, timestampMs),
    );
  }

  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly CommittedOffset[]> {
    return this.#requests.run(`Cannot read what group ${group} has committed`, (attempt) =>
      readCommittedOffsets(attempt, group, partitions),
    );
  }

  logSizes(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.#requests.run("Cannot read the logs' sizes", (attempt) => readLogSizes(attempt, partitions));
  }

  groupProtocol(group: string): Promise<GroupProtocol | 'none'> {
    return this.#requests.run(`Cannot describe group ${group}`, (attempt) =>
      readGroupProtocol(attempt, group),
    );
  }

  groupMembers(group: string): Promise<readonly GroupMember[]> {
    return this.#requests.run(
      `Cannot describe group ${group}`,
      (attempt) => readGroupMembers(attempt, group),
      DESCRIBE_MS,
    );
  }

  offersConsumerProtocol(): Promise<boolean> {
    return this.#requests.run('Cannot ask which group protocols are offered', readOffersConsumerProtocol);
  }

  close(): Promise<void> {
    this.#requests.close();
    return Promise.resolve();
  }
}
