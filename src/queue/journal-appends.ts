import type { Producer } from '../producer/producer.ts';
import type { AppendState } from '../worker/journal/state-journal.ts';

/** A journal entry is worth waiting for through a broker's failover. */
const JOURNAL_TIMEOUT_MS = 60_000;

/** Appends journal entries by the process's producer, which knows what partitions a fresh producer may write to. */
export function journalAppends(producer: Producer, topic: string): AppendState {
  return ({ partition, key, value }) => {
    const bytes = key.length + value.length;
    return producer.add({
      topic,
      partition,
      laneKey: key,
      id: key,
      type: 'keylane journal entry',
      sizeBytes: bytes,
      urgent: true,
      encode: () => ({ record: { key: Buffer.from(key), value, headers: [] }, bytes }),
      timeoutMs: JOURNAL_TIMEOUT_MS,
    });
  };
}
