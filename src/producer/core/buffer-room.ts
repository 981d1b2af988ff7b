import { Fifo } from './fifo.ts';
import type { Item } from './item.ts';
import type { Gate, KeyLane } from './key-lane.ts';
import type { PartitionLine } from './partition-line.ts';

export interface RoomLimits {
  readonly bufferBytes: number;
  /** The most one partition may take, so that one without a leader leaves room for the others. */
  readonly partitionBytes: number;
  /** The most one key may take. */
  readonly keyBytes: number;
  /** Uploads at once. A partition has half of them at most, and so has a store; a key a quarter. */
  readonly uploadCount: number;
  /** What an upload may hold: the part that is being filled. */
  readonly uploadBytes: number;
}

/**
 * The buffer's bytes and who waits for them. Of three gates the narrowest closes first: a key that has taken its share
 * waits alone, then a partition, then the process. At the process's gate keys take turns. A scope that holds nothing
 * always has room for one task, however large; so whatever waits, waits for something that will end.
 *
 * A task with an upload may be here for as long as its source pleases. There is a number of them at most: at that gate they
 * wait among themselves. What they may hold is taken from the process's room, and from that of no key or partition. Small
 * tasks of its key could not be sent before it has ended: they have no room until then, or a few keys with slow sources
 * would fill the buffer with what cannot leave it.
 */
export class BufferRoom {
  readonly limits: RoomLimits;
  usedBytes = 0;
  readonly #turn = new Fifo<KeyLane>();
  #uploadCount = 0;
  /** Those that go to stores, by store. */
  readonly #storeCounts = new Map<object, number>();
  /** Keys whose first waiting task waits for the end of an upload. */
  readonly #uploads = new Set<KeyLane>();

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
        this.#nextUpload();
        continue;
      }
      this.#take(item);
      this.reconsider(lane);
      if (item.upload) this.#nextUpload();
      return item;
    }
  }

  /** Something changed about who is first of the key: lets it stand in line if it may and does not yet. */
  reconsider(lane: KeyLane): void {
    const item = waiting(lane);
    if (lane.gate === 'upload' && item?.upload !== true) {
      this.#uploads.delete(lane);
      lane.gate = 'none';
    }
    if (lane.gate === 'none' && item !== undefined) this.#stand(lane, 'process');
  }

  release(item: Item): void {
    const { lane } = item;
    this.uploaded(item);
    this.#add(lane, -item.bytes);
    if (lane.gate === 'key') this.#stand(lane, 'process');
    this.#unblock(lane.line);
  }

  /** A task's upload is over, if it has one. */
  uploaded(item: Item): void {
    if (!item.upload) return;
    item.upload = false;
    this.#countUpload(item, -1);
    if (item.lane.gate === 'key') this.#stand(item.lane, 'process');
    this.#nextUpload();
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
  #closedGate(item: Item): 'none' | Gate {
    const { lane } = item;
    const { uploadCount } = this.limits;
    if (item.upload && !fits(lane.uploadCount, 1, uploadCount / 4)) return 'key';
    if (!item.upload && lane.uploadCount > 0) return 'key';
    if (!fits(lane.bytes, item.bytes, this.limits.keyBytes)) return 'key';
    if (!fits(lane.line.bytes, item.bytes, this.limits.partitionBytes)) return 'partition';
    if (item.upload && !this.#uploadFits(item)) return 'upload';
    return fits(this.usedBytes + this.#heldBeside(item), item.bytes, this.limits.bufferBytes)
      ? 'none'
      : 'process';
  }

  /** What uploads may hold. A task that is larger than what they leave does not wait for them: their sources may be slow. */
  #heldBeside(item: Item): number {
    const { bufferBytes, uploadBytes } = this.limits;
    return item.bytes > bufferBytes / 2 ? 0 : this.#uploadCount * uploadBytes;
  }

  #uploadFits({ lane, uploadTo }: Item): boolean {
    const { uploadCount } = this.limits;
    if (this.#uploadCount >= uploadCount || !fits(lane.line.uploadCount, 1, uploadCount / 2)) return false;
    return uploadTo === undefined || fits(this.#storeCounts.get(uploadTo) ?? 0, 1, uploadCount / 2);
  }

  #take(item: Item): void {
    item.lane.firstWaiting = item.after;
    if (item.upload) this.#countUpload(item, 1);
    this.#add(item.lane, item.bytes);
    item.move('encoding');
  }

  #wait(lane: KeyLane, item: Item): void {
    if (lane.gate !== 'none') return;
    const gate = this.#closedGate(item);
    this.#stand(lane, gate === 'none' ? 'process' : gate);
  }

  #stand(lane: KeyLane, gate: Gate): void {
    lane.gate = gate;
    if (gate === 'partition') lane.line.blocked.push(lane);
    if (gate === 'upload') this.#uploads.add(lane);
    if (gate === 'process') this.#turn.push(lane);
  }

  /** Lets the first upload try again that may go, and when it has gone, the next one. */
  #nextUpload(): void {
    for (const lane of this.#uploads) {
      if (this.#uploadCount >= this.limits.uploadCount) return;
      const item = waiting(lane);
      if (item !== undefined && !this.#uploadFits(item)) continue; // its partition, or its store, has its half
      this.#uploads.delete(lane);
      lane.gate = 'none';
      if (item === undefined) continue;
      this.#stand(lane, 'process');
      return;
    }
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

  #countUpload({ lane, uploadTo }: Item, more: 1 | -1): void {
    lane.uploadCount += more;
    lane.line.uploadCount += more;
    this.#uploadCount += more;
    if (uploadTo === undefined) return;
    const count = (this.#storeCounts.get(uploadTo) ?? 0) + more;
    if (count === 0) this.#storeCounts.delete(uploadTo);
    else this.#storeCounts.set(uploadTo, count);
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
