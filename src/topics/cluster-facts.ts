import type { ConfigMap } from '../kafka/admin.ts';

/** Why a fact is not known. */
export interface Unreadable {
  readonly unreadable: string;
}

/** A topic as it is, or as it is about to be created. */
export interface TopicAsIs {
  readonly name: string;
  readonly partitions: number;
  /** The smallest number of replicas of any partition. */
  readonly replicationFactor: number;
  readonly configs: ConfigMap | Unreadable;
}

/** What was read of a cluster. Topics not listed do not exist. */
export interface ClusterFacts {
  readonly topics: readonly TopicAsIs[];
  readonly brokerCount: number;
  readonly brokerConfigs: ConfigMap | Unreadable;
  /** `__consumer_offsets`; undefined while it does not exist. */
  readonly offsetsTopic: TopicAsIs | Unreadable | undefined;
}

/** Whether a fact could not be read. */
export function isUnreadable(fact: object): fact is Unreadable {
  return 'unreadable' in fact;
}
