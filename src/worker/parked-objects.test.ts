import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { bodyHeader } from '../../test/support/parked-parts-rig.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { objectKey } from '../codec/stored-object.ts';
import type { TopicDescription } from '../kafka/admin.ts';
import { ParkedObjects } from './parked-objects.ts';
import { type CopiedParts, ParkedParts } from './parked-parts.ts';

const never = new Promise<never>(() => {});
const topicOf = (name: string, id: string): TopicDescription => {
  const partition = { partition: 0, leader: 1, replicas: [1], inSyncReplicas: [1] };
  return { name, id, partitions: [partition] };
};

/** A worker of queue q that parks a task whose body is in a store. */
class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  readonly other = new MemoryStore('other');
  /** As its owner has it. */
  mark = {};
  /** Markers in the parked topic. */
  markers = 0;
  /** The parts topic as it is now. */
  parts: TopicDescription | undefined = topicOf('q.parts', 'P');
  /** The parked topic. */
  parked = topicOf('q.parked', 'K');
  partsEnds = { start: 10, end: 50 };
  parkedEnds = { start: 0, end: 50 };
  isWanted = true;
  readonly #parts: ParkedParts;

  constructor() {
    const append = async (): Promise<{ offset: number }> => {
      this.markers += 1;
      return { offset: this.markers - 1 };
    };
    const stores = new Map([this.store, this.other].map((store) => [store.name, store]));
    this.#parts = new ParkedParts({
      feed: { open: () => never as never }, // nothing is in parts
      append,
      clock: this.clock,
      objects: new ParkedObjects({
        clock: this.clock,
        stores,
        append,
        queue: 'q',
        topics: {
          parts: { name: 'q.parts' },
          parked: { name: 'q.parked' },
        },
        describe: async (name) => (name === 'q.parts' ? this.parts : this.parked),
        logEnds: async (place) => ({
          ...place,
          ...(place.topic === 'q.parts' ? this.partsEnds : this.parkedEnds),
        }),
      }),
    });
  }

  remakeParts(id: string | undefined): void {
    this.parts = id === undefined ? undefined : topicOf('q.parts', id);
  }

  remakeParked(): void {
    this.parked = topicOf('q.parked', 'after');
  }

  /** Parks a task whose body is in that object. */
  park(
    key: string,
    { store = this.store, bytes = 50, isWanted = () => this.isWanted, mark = this.mark, offset = 9 } = {},
  ): Promise<CopiedParts | undefined> {
    const manifest: BodyManifest = {
      object: { store: store.name, key },
      upload: 'u',
      partition: 0,
      count: Math.ceil(bytes / 409_600),
      from: 0,
      to: 999,
      bytes,
      partBytes: 409_600,
      crc: 1,
      firstAtMs: 1_000,
      timeoutMs: 60_000,
    };
    const record = {
      topic: 'q',
      partition: 0,
      offset,
      timestampMs: 2_000,
      key: Buffer.from('k'),
      value: Buffer.from('{}'),
      headers: [bodyHeader({ manifest })],
    };
    return this.#parts.copy({ record, mark, partition: 0, id: `71/${offset}`, lane: 'l', isWanted });
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
    expect(rig.clock.pendingCount).toBe(heeds ? 0 : 1);
    await rig.clock.advance(60_000);
    expect(rig.clock.pendingCount).toBe(0);
  });
});

/** Copies of it hang until they are told to stop, or for ever. */
function hangs(store: MemoryStore, { heeds }: { readonly heeds: boolean }): void {
  store.copy = (_from, _to, { signal }) =>
    new Promise((_, reject) => {
      if (heeds) signal.addEventListener('abort', () => reject(new Error('it was told to stop')));
    });
}

describe('a store that hangs', () => {
  const away = { code: 'PAYLOAD_STORE_FAILED', reason: 'unreachable', key: original };

  it.each([true, false])('is out of reach after a minute (it heeds its signal: %s)', async (heeds) => {
    const rig = new Rig();
    hangs(rig.store, { heeds });
    const outcome = settled(rig.park(original));
    await rig.clock.advance(60_000);
    expect(outcome()).toBeUndefined();
    await rig.clock.advance(1);
    expect(outcome()).toMatchObject(away);
    expect(rig.clock.pendingCount).toBe(0);
  });

  it('has a second more for each 4 MB', async () => {
    const rig = new Rig();
    hangs(rig.store, { heeds: true });
    const outcome = settled(rig.park(original, { bytes: 4_096_000 * 10 }));
    await rig.clock.advance(70_000 - 1);
    expect(outcome()).toBeUndefined();
    await rig.clock.advance(1);
    expect(outcome()).toMatchObject(away);
  });

  it('holds up no other store', async () => {
    const rig = new Rig();
    hangs(rig.store, { heeds: false });
    const copies = Array.from({ length: 6 }, () => settled(rig.park(original)));
    rig.other.objects.set(original, Buffer.from('body'));
    expect((await rig.park(original, { store: rig.other }))?.lost).toEqual([]);
    expect(copies.map((outcome) => outcome())).toEqual(Array(6).fill(undefined));
  });

  it('and goes on with four copies has no more to do until one of them has ended', async () => {
    const rig = new Rig();
    const ends: (() => void)[] = [];
    rig.store.copy = () => new Promise((resolve) => void ends.push(resolve));
    const copies = Array.from({ length: 6 }, () => settled(rig.park(original)));
    await rig.clock.advance(60_001);
    expect(copies.map((outcome) => outcome())).toMatchObject(Array(6).fill(away));
    await expect(rig.park(original)).rejects.toMatchObject(away);
    expect(ends).toHaveLength(4);
    ends[0]?.();
    await rig.clock.advance(0);
    const again = settled(rig.park(original));
    await rig.clock.advance(0);
    expect(ends).toHaveLength(5);
    ends[4]?.();
    await rig.clock.advance(0);
    expect(again()).toMatchObject({ lost: [] });
  });

  it('has those behind four that are copied wait for their turn, unless they are not wanted any more', async () => {
    const rig = new Rig();
    hangs(rig.store, { heeds: true });
    let isWanted = true;
    const first = Array.from({ length: 4 }, () => settled(rig.park(original, { isWanted: () => isWanted })));
    const waiting = settled(rig.park(original));
    isWanted = false;
    await rig.clock.advance(0);
    rig.store.copy = async () => {};
    expect(waiting()).toBeUndefined();
    await rig.clock.advance(1_000);
    expect(first.map((outcome) => outcome())).toEqual(Array(4).fill('nothing'));
    expect(waiting()).toMatchObject({ lost: [] });
  });
});

/** What became of it, so far. */
function settled(work: Promise<unknown>): () => unknown {
  let outcome: unknown;
  work.then(
    (value) => {
      outcome = value ?? 'nothing';
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return () => outcome;
}

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

describe('a copy that is made again', () => {
  /** Tries to park a task that long, and then has the store back. */
  async function retried(change: (rig: Rig) => void = () => {}, other = {}): Promise<Rig> {
    const rig = new Rig();
    for (let n = 0; n < 5; n += 1) await expect(rig.park(original)).rejects.toThrow('bucket');
    change(rig);
    rig.store.objects.set(original, Buffer.from('body'));
    expect((await rig.park(original, other))?.lost).toEqual([]);
    return rig;
  }

  it('has one marker', async () => {
    const rig = await retried();
    expect(rig.markers).toBe(1);
    const key = objectKey({ queue: 'q', role: 'parked', topicId: 'K', partition: 0 }, 0, 'u');
    expect([...rig.store.objects.keys()]).toEqual([original, key]);
    await rig.park(original);
    expect(rig.markers).toBe(2);
  });

  it.each<[string, (rig: Rig) => void, { mark?: object; offset?: number }]>([
    ['when the parked topic was made anew', (rig) => rig.remakeParked(), {}],
    ['when the marker has gone from the log', (rig) => Object.assign(rig.parkedEnds, { start: 1 }), {}],
    ['when the log has lost its end', (rig) => Object.assign(rig.parkedEnds, { end: 0 }), {}],
    ['when it is of another task', () => {}, { offset: 12 }],
    ['when it is under another mark, or its partition has come back', () => {}, { mark: {} }],
  ])('has another marker %s', async (_when, change, other) => {
    expect((await retried(change, other)).markers).toBe(2);
  });
});

it.each([
  ['ends when it is told to', true, 1],
  ['goes on', false, 2],
])(
  'a copy that hung and %s is made again, nowhere where one is being made',
  async (_what, heeds, markers) => {
    const rig = new Rig();
    hangs(rig.store, { heeds });
    const outcome = settled(rig.park(original));
    await rig.clock.advance(60_001);
    expect(outcome()).toMatchObject({ reason: 'unreachable' });
    rig.store.copy = async () => {};
    expect((await rig.park(original))?.lost).toEqual([]);
    expect(rig.markers).toBe(markers);
  },
);

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
