import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, ParkError, type ParkedTask, silentLogger, TaskQueue } from 'keylane';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { many } from '../support/queue-rig.ts';

const tasks = {
  work: defineTask({ schema: z.object({ key: z.string(), n: z.number() }), key: ({ key }) => key }),
};
const KEYS = 300;

it('a process without a worker sees what is parked and held, and commands the group', async () => {
  const name = `operators-${randomUUID()}`;
  const topic = { partitions: 6 };
  const open = (): { kafka: ReturnType<typeof connectKafka>; queue: TaskQueue<typeof tasks> } => {
    const kafka = connectKafka({ brokers: kafkaBrokers() });
    return { kafka, queue: new TaskQueue({ name, tasks, kafka, topic, logger: silentLogger }) };
  };
  const [working, operating] = [open(), open()];
  const { parked, pending } = operating.queue;
  const keys = Array.from({ length: KEYS }, (_, n) => `k${n}`);
  let broken = true;
  const seen = new Map<string, number[]>();
  const handle = ({ key, n }: { key: string; n: number }): void => {
    if (broken && n === 1) throw new ParkError('not yet');
    seen.set(key, [...(seen.get(key) ?? []), n]);
  };
  try {
    expect(await pending.hold({ key: 'held', by: 'test' })).toMatchObject({ outcome: undefined });
    const worker = working.queue.worker({ work: handle }, { commitIntervalMs: 50, logger: silentLogger });
    const allParked = many(worker, 'key-parked', KEYS);
    await worker.start();
    for (const n of [0, 1, 2, 3]) {
      const options = { id: `held-${n}` };
      await Promise.all([
        ...keys.map((key) => working.queue.enqueue('work', { key, n }, { id: `${key}-${n}` })),
        working.queue.enqueue('work', { key: 'held', n: n + 10 }, options),
      ]);
    }
    await allParked;

    // Seen from a process of its own, page by page.
    const listed: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await parked.list({ limit: 100, cursor });
      listed.push(...page.parked.map(({ key }) => key));
      cursor = page.next;
    } while (cursor !== undefined);
    expect(listed.sort()).toEqual([...keys].sort());
    const shown: ParkedTask[] = [];
    while (shown.length < 3) {
      shown.length = 0;
      for await (const task of parked.show({ key: 'k7' }, { payload: true })) shown.push(task);
    }
    expect(shown).toMatchObject([
      { id: 'k7-1', attempts: 1, error: expect.stringContaining('not yet'), payload: { key: 'k7', n: 1 } },
      { id: 'k7-2', error: undefined, payload: { n: 2 } },
      { id: 'k7-3', error: undefined, payload: { n: 3 } },
    ]);

    // One discarded, the others redriven, at once.
    broken = false;
    const [first] = shown;
    if (first === undefined) throw new Error('nothing was shown');
    expect((await parked.discard(first, { waitMs: 30_000 })).commands).toMatchObject([
      { outcome: 'discarded' },
    ]);
    const report = await parked.redrive({ all: true }, { waitMs: 60_000 });
    expect(report.commands).toHaveLength(KEYS);
    expect(new Set(report.commands.map(({ outcome }) => outcome))).toEqual(new Set(['redriven']));
    expect(await parked.list()).toEqual({ parked: [], next: undefined });
    for (const key of keys) expect(seen.get(key), key).toEqual(key === 'k7' ? [0, 2, 3] : [0, 1, 2, 3]);

    // What is held waits; one of it is skipped.
    expect(seen.get('held')).toBeUndefined();
    expect((await pending.holds()).keys).toMatchObject([{ key: 'held', by: 'test' }]);
    const skipping = pending.skip({ key: 'held', id: 'held-2', waitMs: 30_000 });
    const finished = many(worker, 'task-finished', 3);
    await pending.release({ key: 'held' });
    await finished;
    expect(await skipping).toMatchObject({ outcome: 'skipped' });
    expect(seen.get('held')).toEqual([10, 11, 13]);
  } finally {
    for (const { kafka, queue } of [working, operating]) {
      await queue.close();
      await kafka.close();
    }
  }
});
