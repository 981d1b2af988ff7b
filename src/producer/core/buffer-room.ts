import { Fifo } from './fifo.ts';
import type { Item } from './item.ts';
import type { KeyLane } from './key-lane.ts';
import type { PartitionLine } from './partition-line.ts';

export interface RoomLimits {
  readonly bufferBytes: number;
  /** The most one partition may take, so that one without a leader leaves room for the others. */
  readonly partitionBytes: number;
  /** The most one key may take. */
  readonly keyBytes: number;
}

/**
 * The buffer's bytes and who waits for them. Of three gates the narrowest closes first: a key that has taken its share
 * waits alone, then a partition, then the process. At the process's gate keys take turns. A scope that holds nothing
 * always has room for one task, however large; so whatever waits, waits for something that will end.
 */
export class BufferRoom {
  readonly limits: RoomLimits;
  usedBytes = 0;
  readonly #turn = new Fifo<KeyLane>();

  constructor(limits: RoomLimits) {
    this.limits = limits;
  }

  /**
   * Takes room for a task that was just added; false when it has to wait. One that is still being validated waits too: its
   * size is only known when it is encoded, and a thousand that are encoded at once later would not fit.
   */
  enter(item: Item): boolean {
    const { lane } = item;
    if (waiting(lane) !== item) return false; // its key's gate is set already, or will be
    if (item.urgent || (this.#turn.size === 0 && this.#closedGate(item) === 'none')) {
      this.#take(item);
      return true;
    }
    this.#wait(lane, item);
    return false;
  }

  /** Takes room for the next waiting task, if there is any for it. */
  admitNext(): Item | undefined {
    for (;;) {
      const lane = this.#turn.peek();
      if (lane === undefined) return undefined;
      const item = waiting(lane);
      const gate = item === undefined ? 'none' : this.#closedGate(item);
      if (gate === 'process') return undefined;
      this.#turn.shift();
      lane.gate = 'none';
      if (item === undefined || gate !== 'none') {
        if (gate !== 'none') this.#stand(lane, gate);
        // It was let through in place of others of its partition and does not go: they would wait for nothing.
        this.#unblock(lane.line);
        continue;
      }
      this.#take(item);
      this.reconsider(lane);
      return item;
    }
  }

  /** Something changed about who is first of the key: lets it stand in line if it may and does not yet. */
  reconsider(lane: KeyLane): void {
    if (lane.gate === 'none' && waiting(lane) !== undefined) this.#stand(lane, 'process');
  }

  release(item: Item): void {
    const { lane } = item;
    this.#add(lane, -item.bytes);
    if (lane.gate === 'key') this.#stand(lane, 'process');
    this.#unblock(lane.line);
  }

  /** A task turned out to be larger or smaller than was guessed. */
  resize(item: Item, bytes: number): void {
    const growth = bytes - item.bytes;
    item.bytes = bytes;
    this.#add(item.lane, growth);
    if (growth < 0 && item.lane.gate === 'key') this.#stand(item.lane, 'process');
    if (growth < 0) this.#unblock(item.lane.line);
  }

  /** The narrowest gate that is closed to this task. */
  #closedGate(item: Item): 'none' | 'key' | 'partition' | 'process' {
    const { lane } = item;
    if (!fits(lane.bytes, item.bytes, this.limits.keyBytes)) return 'key';
    if (!fits(lane.line.bytes, item.bytes, this.limits.partitionBytes)) return 'partition';
    return fits(this.usedBytes, item.bytes, this.limits.bufferBytes) ? 'none' : 'process';
  }

  #take(item: Item): void {
    item.lane.firstWaiting = item.after;
    this.#add(item.lane, item.bytes);
    item.move('encoding');
  }

  #wait(lane: KeyLane, item: Item): void {
    if (lane.gate !== 'none') return;
    const gate = this.#closedGate(item);
    this.#stand(lane, gate === 'none' ? 'process' : gate);
  }

  #stand(lane: KeyLane, gate: 'key' | 'partition' | 'process'): void {
    lane.gate = gate;
    if (gate === 'partition') lane.line.blocked.push(lane);
    if (gate === 'process') this.#turn.push(lane);
  }

  /** Lets as many keys of a partition try again as there is room for. */
  #unblock(line: PartitionLine): void {
    let bytes = line.bytes;
    for (let lane = line.blocked.peek(); lane !== undefined; lane = line.blocked.peek()) {
      const size = lane.firstWaiting?.bytes ?? 0;
      if (!fits(bytes, size, this.limits.partitionBytes)) return;
      bytes += size;
      line.blocked.shift();
      this.#stand(lane, 'process');
    }
  }

  #add(lane: KeyLane, bytes: number): void {
    lane.bytes += bytes;
    lane.line.bytes += bytes;
    this.usedBytes += bytes;
  }
}

/** The key's first waiting task, unless it is still being validated. */
function waiting(lane: KeyLane): Item | undefined {
  return lane.firstWaiting?.validated === true ? lane.firstWaiting : undefined;
}

function fits(taken: number, more: number, limit: number): boolean {
  return taken === 0 || taken + more <= limit;
}
