import type { TopicPartition } from '../port.ts';

/** A map key for a partition. A topic's name cannot contain a slash. */
export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
