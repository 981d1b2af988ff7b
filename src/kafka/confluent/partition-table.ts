import type { TopicPartition } from '../port.ts';

/** Values by topic and partition. Two lookups without building a string, since it is asked for every record. */
export class PartitionTable<T> {
  readonly #topics = new Map<string, Map<number, T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): T | undefined {
    return this.#topics.get(topic)?.get(partition);
  }

  has({ topic, partition }: TopicPartition): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false;
  }

  set({ topic, partition }: TopicPartition, value: T): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.#topics.set(topic, partitions);
    }
    if (!partitions.has(partition)) this.#size += 1;
    partitions.set(partition, value);
  }

  delete({ topic, partition }: TopicPartition): boolean {
    const deleted = this.#topics.get(topic)?.delete(partition) ?? false;
    if (deleted) this.#size -= 1;
    return deleted;
  }

  keys(): TopicPartition[] {
    return [...this.#topics].flatMap(([topic, partitions]) =>
      [...partitions.keys()].map((partition) => ({ topic, partition })),
    );
  }

  clear(): void {
    this.#topics.clear();
    this.#size = 0;
  }
}

/**
 * The list as the client takes it: each partition once, nothing else in the objects. An entry without a topic or a
 * partition would crash the process.
 * @throws RangeError
 */
export function nativePartitions(partitions: readonly TopicPartition[]): TopicPartition[] {
  const seen = new PartitionTable<TopicPartition>();
  for (const { topic, partition } of partitions) {
    checkPartition(topic, partition);
    seen.set({ topic, partition }, { topic, partition });
  }
  return seen.keys();
}

export function checkPartition(topic: string, partition: number): void {
  if (typeof topic !== 'string' || topic === '') throw new RangeError('A topic must be a non-empty string');
  if (!Number.isInteger(partition) || partition < 0 || partition > 2 ** 31 - 1) {
    throw new RangeError(`Not a partition of topic ${topic}: ${partition}`);
  }
}

export function checkOffset(topic: string, partition: number, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`Not an offset of ${topic}/${partition}: ${offset}`);
  }
}
