import type { KafkaFailure, TopicPartition } from '../port.ts';

/** What the in-memory cluster answers, with the error numbers of a real one. */
export const failures = {
  closed: { kind: 'closed', code: undefined, message: 'The client was closed' },
  notJoined: { kind: 'closed', code: undefined, message: 'The member has not joined yet' },
  fenced: { kind: 'fenced', code: 25, message: 'The coordinator is not aware of this member' },
  fencedInstance: {
    kind: 'fenced',
    code: 82,
    message: 'Another member with this group.instance.id has taken its place',
  },
  rebalancing: { kind: 'rebalancing', code: 22, message: 'The group generation is not current' },
  metadataTooLarge: {
    kind: 'too-large',
    code: 12,
    message: 'The metadata of a committed offset is longer than 4,000 characters',
  },
  recordTooLarge: { kind: 'too-large', code: 10, message: 'The record is larger than max.message.bytes' },
  metadataWithNul: { kind: 'other', code: undefined, message: 'Commit metadata contains a NUL character' },
  badHeaderName: { kind: 'other', code: undefined, message: 'A header name contains a NUL character' },
  unreachable: { kind: 'unreachable', code: -195, message: 'The broker did not answer' },
  notEnoughReplicas: { kind: 'transient', code: 19, message: 'Not enough in-sync replicas' },
  noLeader: { kind: 'transient', code: 5, message: 'The partition has no leader' },
  producerFatal: { kind: 'producer-fatal', code: -150, message: 'The producer met a fatal error' },
  neverDeleted: { kind: 'other', code: 44, message: 'The topic is compacted: its records cannot be deleted' },
  noOffset: { kind: 'other', code: undefined, message: 'Acknowledged without an offset' },
  noConsumerProtocol: { kind: 'unsupported', code: 35, message: 'The brokers offer no KIP-848 groups' },
} as const satisfies Record<string, KafkaFailure>;

export function unknownTopic({ topic, partition }: { topic: string; partition?: number }): KafkaFailure {
  const name = partition === undefined ? `Topic ${topic}` : `Partition ${partition} of topic ${topic}`;
  return { kind: 'unknown-topic', code: 3, message: `${name} does not exist` };
}

export function offsetOutOfRange({ topic, partition }: TopicPartition, offset: number): KafkaFailure {
  const message = `Offset ${offset} of ${topic}[${partition}] is not in the log`;
  return { kind: 'other', code: 1, message };
}
