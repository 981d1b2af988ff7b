import type { CommittedOffset, TopicPartition } from '../port.ts';
import type { NativeCommitted, NativeConsumer } from './native.ts';
import { nativePartitions } from './partition-table.ts';

/** Asks the group's coordinator. Rejects with whatever the client says, also when a single partition was not answered. */
export function readCommitted(
  client: NativeConsumer,
  partitions: readonly TopicPartition[],
  timeoutMs: number,
): Promise<readonly CommittedOffset[]> {
  return new Promise((resolve, reject) => {
    const asked = nativePartitions(partitions);
    if (asked.length === 0) {
      resolve([]);
      return;
    }
    client.committed(asked, timeoutMs, (error, entries) => {
      // A partition the broker would not answer for stands in the list as an Error.
      const failed = error ?? entries.find((entry) => entry instanceof Error);
      if (failed !== undefined) reject(failed);
      else resolve(entries.flatMap((entry) => (entry instanceof Error ? [] : [toCommitted(entry)])));
    });
  });
}

function toCommitted({ topic, partition, offset, metadata }: NativeCommitted): CommittedOffset {
  return { topic, partition, offset, metadata: metadata ?? '' };
}
