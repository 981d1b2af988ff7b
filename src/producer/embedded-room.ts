import type { RecordFate } from './core/item.ts';
import type { PartitionRoom } from './core/partition-room.ts';

interface Held {
  /** undefined = may be in the log, nobody knows where. */
  readonly offset: number | undefined;
  readonly bytes: number;
}

interface PartitionHolding {
  /** Handed over, outcome not known yet. */
  openBytes: number;
  /** In the log and not finished, in log order. */
  readonly held: Held[];
  heldBytes: number;
  /** What each group that was heard of has finished: everything below. */
  readonly frontiers: Map<string, number>;
}

/**
 * Keeps the embedded cluster from losing tasks. It holds about 5 MB a partition and evicts the oldest records silently,
 * finished or not; so records enter only while what is unfinished stays below `partitionBytes`. Shared by all producers
 * and workers of one embedded cluster. Real clusters have no such limit and no such object.
 */
export class EmbeddedRoom implements PartitionRoom {
  readonly #partitionBytes: number;
  readonly #holdings = new Map<string, PartitionHolding>();
  readonly #listeners = new Set<(topic: string, partition: number) => void>();

  constructor(partitionBytes: number) {
    this.#partitionBytes = partitionBytes;
  }

  enter(topic: string, partition: number, bytes: number): boolean {
    const holding = this.#holding(topic, partition);
    const taken = holding.openBytes + holding.heldBytes;
    if (taken > 0 && taken + bytes > this.#partitionBytes) return false;
    holding.openBytes += bytes;
    return true;
  }

  settled(topic: string, partition: number, bytes: number, fate: RecordFate): void {
    const holding = this.#holding(topic, partition);
    holding.openBytes -= bytes;
    if (fate === 'absent') {
      this.#tell(topic, partition);
      return;
    }
    const offset = fate === 'unknown' ? undefined : fate.offset;
    insert(holding.held, { offset, bytes });
    holding.heldBytes += bytes;
    // A worker may be done with a record before its producer hears of it.
    if (offset !== undefined && offset < frontierOf(holding)) this.#forgetFinished(topic, partition, holding);
  }

  onRoom(listener: (topic: string, partition: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * A group's worker will never again ask for records below `frontier`: its acknowledged committed offset. Reported when
   * a partition is taken and after each commit. With several groups the slowest counts.
   */
  finished(group: string, topic: string, partition: number, frontier: number): void {
    const holding = this.#holding(topic, partition);
    holding.frontiers.set(group, frontier);
    this.#forgetFinished(topic, partition, holding);
  }

  #forgetFinished(topic: string, partition: number, holding: PartitionHolding): void {
    const frontier = frontierOf(holding);
    let finishedCount = 0;
    for (const [at, { offset }] of holding.held.entries()) {
      if (offset === undefined) continue; // past once a record after it is
      if (offset >= frontier) break;
      finishedCount = at + 1;
    }
    if (finishedCount === 0) return;
    for (const { bytes } of holding.held.splice(0, finishedCount)) holding.heldBytes -= bytes;
    this.#tell(topic, partition);
  }

  #holding(topic: string, partition: number): PartitionHolding {
    const name = `${topic}/${partition}`;
    let holding = this.#holdings.get(name);
    if (holding === undefined) {
      holding = { openBytes: 0, held: [], heldBytes: 0, frontiers: new Map() };
      this.#holdings.set(name, holding);
    }
    return holding;
  }

  #tell(topic: string, partition: number): void {
    for (const listener of this.#listeners) listener(topic, partition);
  }
}

function frontierOf(holding: PartitionHolding): number {
  return holding.frontiers.size === 0 ? 0 : Math.min(...holding.frontiers.values());
}

/** Keeps log order; outcomes of two batches may come the other way round. */
function insert(held: Held[], added: Held): void {
  let at = held.length;
  const { offset } = added;
  if (offset !== undefined) {
    while (at > 0 && (held[at - 1]?.offset ?? -1) > offset) at -= 1;
  }
  held.splice(at, 0, added);
}
