import type { RecordFate } from './item.ts';

/**
 * A limit on what a partition may hold at all, asked record by record before a batch is handed over. Only the embedded
 * cluster has one: it evicts unfinished records silently.
 */
export interface PartitionRoom {
  /** Takes room for the partition's next record; false when there is none now. */
  enter(topic: string, partition: number, bytes: number): boolean;
  /** What became of a record that entered. */
  settled(topic: string, partition: number, bytes: number, fate: RecordFate): void;
  /** Called when a partition has room again. Returns how to stop it. */
  onRoom(listener: (topic: string, partition: number) => void): () => void;
}
