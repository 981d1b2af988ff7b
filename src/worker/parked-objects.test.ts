import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { bodyHeader } from '../../test/support/parked-parts-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { objectKey } from '../codec/stored-object.ts';
import type { TopicDescription } from '../kafka/port.ts';
import { ParkedObjects } from './parked-objects.ts';
import { type CopiedParts, ParkedParts } from './parked-parts.ts';

const never = new Promise<never>(() => {});
const topicOf = (name: string, id: string): TopicDescription => {
  const partition = { partition: 0, leader: 1, replicas: [1], inSyncReplicas: [1] };
  return { name, id, partitions: [partition] };
};
const noEnds = { start: 0, end: 0 };

/** A worker of queue q that parks a task whose body is in a store. */
class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  /** Markers in the parked topic. */
  markers = 0;
  /** The parts topic as it is now. */
  parts: TopicDescription | undefined = topicOf('q.parts', 'P');
  /** The parked topic. */
  parked = topicOf('q.parked', 'K');
  partsEnds = { start: 10, end: 50 };
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
      objects: new ParkedObjects({
        stores,
        append,
        queue: 'q',
        topics: {
          parts: { name: 'q.parts' },
          parked: { name: 'q.parked' },
        },
        describe: async (name) => (name === 'q.parts' ? this.parts : this.parked),
        logEnds: async (place) => ({ ...place, ...(place.topic === 'q.parts' ? this.partsEnds : noEnds) }),
      }),
    });
  }

  remakeParts(id: string | undefined): void {
    this.parts = id === undefined ? undefined : topicOf('q.parts', id);
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

it('an object is copied under the parked topic as it is now, behind a marker of its own', async () => {
  const rig = new Rig();
  rig.store.objects.set(original, Buffer.from('body'));
  await rig.park(original);
  rig.parked = topicOf('q.parked', 'after');
  await rig.park(original);
  const at = (topicId: string, marker: number) =>
    objectKey({ queue: 'q', role: 'parked', topicId, partition: 0 }, marker, 'u');
  expect([...rig.store.objects.keys()]).toEqual([original, at('K', 0), at('after', 1)]);
});

describe('an object that is not there', () => {
  const at = (topicId: string | undefined, marker: number, changes = {}): string =>
    objectKey({ queue: 'q', role: 'parts', topicId, partition: 0, ...changes }, marker, 'u');

  it.each([10, 40, 49])(
    'ought to be while its marker (%d) is in the log: it is not given up',
    async (marker) => {
      const rig = new Rig();
      const failure = { code: 'PAYLOAD_STORE_FAILED', reason: 'unreachable', key: at('P', marker) };
      await expect(rig.park(at('P', marker))).rejects.toMatchObject(failure);
      await expect(rig.park(at('P', marker))).rejects.toThrow(/q\.parts\/0.*bucket/);
      rig.store.objects.set(at('P', marker), Buffer.from('back'));
      expect((await rig.park(at('P', marker)))?.lost).toEqual([]);
      expect([...rig.store.objects.values()].map(String)).toEqual(['back', 'back']);
    },
  );

  it.each<[string, string, (rig: Rig) => void]>([
    ['when its marker has gone from the log', at('P', 9), () => {}],
    ['when its marker never was in this log', at('P', 50), () => {}],
    ['when its topic was made anew', at('P', 40), (rig) => rig.remakeParts('after')],
    ['when its topic is gone', at('P', 40), (rig) => rig.remakeParts(undefined)],
    ['when it is of another queue', at('P', 40, { queue: 'other' }), () => {}],
    ['when there is no such partition', at('P', 40, { partition: 7 }), () => {}],
    ['when its key is none of ours', 'q/parts/P/0/elsewhere', () => {}],
    ['when its key is another kind', 'some/other/object', () => {}],
  ])('is lost %s', async (_when, key, change) => {
    const rig = new Rig();
    change(rig);
    expect((await rig.park(key))?.lost).toMatchObject([{ code: 'PARTS_LOST', upload: 'u' }]);
  });

  it('is not given up when nobody can tell whether it ought to be there', async () => {
    const rig = new Rig();
    Object.defineProperty(rig, 'partsEnds', {
      get: () => {
        throw new Error('no broker answers');
      },
    });
    await expect(rig.park(at('P', 40))).rejects.toThrow('no broker answers');
  });
});
