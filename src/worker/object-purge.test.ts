import { expect, it } from 'vitest';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { type ObjectPlace, objectKey } from '../codec/stored-object.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ObjectPurge } from './object-purge.ts';

const MINUTE_MS = 60_000;

class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore();
  readonly old = new MemoryStore('old');
  readonly warnings: string[] = [];
  /** By `topic/partition`. */
  readonly starts = new Map<string, number>();
  owned = [{ partition: 0, phase: 'running' }];
  partsId: string | undefined = 'P';
  /** As they are now. */
  readonly ids = new Map([
    ['q.parts', 'P'],
    ['q.parked', 'K'],
  ]);
  readonly purge: ObjectPurge;

  constructor(more: { readonly partsId?: undefined } = {}) {
    if ('partsId' in more) this.partsId = undefined;
    const logger = { warn: (message: string) => this.warnings.push(message) } as unknown as Logger;
    this.purge = new ObjectPurge({
      stores: new Map([this.store, this.old].map((store) => [store.name, store])),
      queue: 'q',
      topics: {
        parts: { name: 'q.parts', id: this.partsId, partitions: 2 },
        parked: { name: 'q.parked', id: 'K', partitions: 1 },
      },
      owned: () => this.owned,
      topicId: async (topic) => this.ids.get(topic),
      logEnds: async (place) => {
        const start = this.starts.get(`${place.topic}/${place.partition}`);
        if (start === undefined) throw new Error('not now');
        return { ...place, start, end: 1_000 };
      },
      intervalMs: MINUTE_MS,
      clock: this.clock,
      logger,
    });
    for (const topic of ['q.parts', 'q.parked'])
      for (const partition of [0, 1, 2]) this.starts.set(`${topic}/${partition}`, 0);
    this.purge.start();
  }

  put(
    marker: number,
    { role = 'parts', partition = 0, topicId = role === 'parts' ? 'P' : 'K' }: Partial<ObjectPlace> = {},
  ): void {
    const bytes = Buffer.from('x');
    for (const store of [this.store, this.old])
      store.objects.set(objectKey({ queue: 'q', role, topicId, partition }, marker, 'u'), bytes);
  }

  /** `parts/0:7`, what is there. */
  get left(): string[] {
    const found = [...this.store.objects.keys()].map((key) => {
      const [, role, , partition, name = ''] = key.split('/');
      return `${role}/${partition}:${Number(name.slice(0, 16))}`;
    });
    expect([...this.old.objects.keys()].sort()).toEqual([...this.store.objects.keys()].sort());
    return found.sort();
  }
}

it('objects go when their markers have gone from the log, and no sooner', async () => {
  const rig = new Rig();
  for (const marker of [0, 4, 5, 6]) rig.put(marker);
  rig.put(3, { role: 'parked' });
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toEqual(['parked/0:3', 'parts/0:0', 'parts/0:4', 'parts/0:5', 'parts/0:6']);
  rig.starts.set('q.parts/0', 5);
  rig.starts.set('q.parked/0', 3);
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toEqual(['parked/0:3', 'parts/0:5', 'parts/0:6']);
  rig.starts.set('q.parked/0', 4);
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toEqual(['parts/0:5', 'parts/0:6']);
  await rig.purge.close();
});

it('only of partitions that this worker has, and of topics that are the ones of today', async () => {
  const rig = new Rig();
  rig.owned = [
    { partition: 1, phase: 'stopping' },
    { partition: 0, phase: 'running' },
    { partition: 7, phase: 'running' },
  ];
  rig.put(1);
  rig.put(1, { partition: 1 });
  rig.put(2, { topicId: 'before' });
  rig.starts.set('q.parts/0', 100);
  rig.starts.set('q.parts/1', 100);
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toEqual(['parts/0:2', 'parts/1:1']);
  await rig.purge.close();
});

it.each([
  ['made anew', 'another'],
  ['deleted', undefined],
])(
  'none of a topic that was %s since the worker began: the log that it sees is not theirs',
  async (_, id) => {
    const rig = new Rig();
    rig.put(1);
    rig.put(1, { role: 'parked' });
    if (id === undefined) rig.ids.delete('q.parts');
    else rig.ids.set('q.parts', id);
    for (const topic of ['q.parts', 'q.parked']) rig.starts.set(`${topic}/0`, 100);
    await rig.clock.advance(10 * MINUTE_MS);
    expect(rig.left).toEqual(['parts/0:1']);
    expect(rig.warnings).toEqual([]);
    await rig.purge.close();
  },
);

it('never on a cluster whose topics have no ids: the next one begins at offset 0 under the same name', async () => {
  const rig = new Rig({ partsId: undefined });
  rig.put(1, { topicId: undefined as unknown as string });
  rig.starts.set('q.parts/0', 100);
  await rig.clock.advance(10 * MINUTE_MS);
  expect(rig.left).toEqual(['parts/0:1']);
  await rig.purge.close();
});

it('many of them', async () => {
  const rig = new Rig();
  for (let marker = 0; marker < 2_500; marker += 1) rig.put(marker);
  rig.starts.set('q.parts/0', 2_400);
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toHaveLength(100);
  await rig.purge.close();
});

it('what came late, from an upload that had been given up, is found within the hour', async () => {
  const rig = new Rig();
  rig.starts.set('q.parts/0', 50);
  await rig.clock.advance(MINUTE_MS);
  rig.put(10);
  await rig.clock.advance(30 * MINUTE_MS);
  expect(rig.left).toEqual(['parts/0:10']);
  await rig.clock.advance(31 * MINUTE_MS);
  expect(rig.left).toEqual([]);
  await rig.purge.close();
});

it('a failure is told, once in a while, and stops nothing', async () => {
  const rig = new Rig();
  rig.starts.delete('q.parts/0');
  rig.put(1, { role: 'parked' });
  rig.starts.set('q.parked/0', 5);
  await rig.clock.advance(5 * MINUTE_MS);
  expect(rig.warnings).toHaveLength(1);
  expect(rig.left).toEqual([]);
  rig.put(1);
  rig.starts.set('q.parts/0', 5);
  await rig.clock.advance(MINUTE_MS);
  expect(rig.left).toEqual([]);
  await rig.purge.close();
  expect(rig.clock.pendingCount).toBe(0);
});

it("what somebody else has put there stays, and is in nobody's way", async () => {
  const rig = new Rig();
  for (const store of [rig.store, rig.old]) store.objects.set('q/parts/P/0/', Buffer.from(''));
  rig.put(4);
  rig.starts.set('q.parts/0', 5);
  await rig.clock.advance(MINUTE_MS);
  expect([...rig.store.objects.keys()]).toEqual(['q/parts/P/0/']);
  expect(rig.warnings).toEqual([]);
  await rig.purge.close();
});

it('a store that does not answer does not keep the worker from its end', async () => {
  const rig = new Rig();
  rig.put(4);
  rig.starts.set('q.parts/0', 5);
  rig.store.delete = () => new Promise(() => {});
  await rig.clock.advance(MINUTE_MS);
  let closed = false;
  const closing = rig.purge.close().then(() => {
    closed = true;
  });
  await rig.clock.advance(4_000);
  expect(closed).toBe(false);
  await rig.clock.advance(1_000);
  await closing;
});
