import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { bodyHeader } from '../../test/support/parked-parts-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { objectKey } from '../codec/stored-object.ts';
import { ParkedObjects } from './parked-objects.ts';
import { type CopiedParts, ParkedParts } from './parked-parts.ts';

const never = new Promise<never>(() => {});

/** A worker of queue q that parks a task whose body is in a store. */
class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  /** Markers in the parked topic. */
  markers = 0;
  isWanted = true;
  readonly #parts: ParkedParts;

  constructor() {
    const append = async (): Promise<{ offset: number }> => {
      this.markers += 1;
      return { offset: this.markers - 1 };
    };
    const stores = new Map([[this.store.name, this.store]]);
    this.#parts = new ParkedParts({
      feed: { open: () => never as never }, // nothing is in parts
      append,
      clock: this.clock,
      objects: new ParkedObjects({ stores, append, queue: 'q', topicId: 'K' }),
    });
  }

  /** Parks a task whose body is in that object. */
  park(key: string): Promise<CopiedParts | undefined> {
    const manifest: BodyManifest = {
      object: { store: this.store.name, key },
      upload: 'u',
      partition: 0,
      count: 1,
      from: 0,
      to: 99,
      bytes: 50,
      partBytes: 100,
      crc: 1,
      firstAtMs: 1_000,
      timeoutMs: 60_000,
    };
    const record = {
      topic: 'q',
      partition: 0,
      offset: 9,
      timestampMs: 2_000,
      key: Buffer.from('k'),
      value: Buffer.from('{}'),
      headers: [bodyHeader({ manifest })],
    };
    return this.#parts.copy({ record, partition: 0, id: '71/9', lane: 'l', isWanted: () => this.isWanted });
  }
}

const original = objectKey({ queue: 'q', role: 'parts', topicId: 'P', partition: 0 }, 40, 'u');

describe('copying an object', () => {
  it.each([
    ['says that it has ended', true],
    ['does not heed its signal', false],
  ])('that hangs ends within a second of its partition, also when the store %s', async (_what, heeds) => {
    const rig = new Rig();
    let told: unknown;
    rig.store.copy = (_from, _to, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told = signal.reason;
          if (heeds) reject(signal.reason);
        });
      });
    const copying = rig.park(original);
    await rig.clock.advance(5_000);
    rig.isWanted = false;
    await rig.clock.advance(1_000);
    expect(await copying).toBeUndefined();
    expect(told).toBeDefined();
    expect(rig.clock.pendingCount).toBe(0);
  });
});
