import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { LargeTasksRig } from '../../test/support/large-tasks-rig.ts';
import { next } from '../../test/support/queue-rig.ts';
import { readPartHead } from '../codec/part.ts';
import { ParkError } from '../errors/control-errors.ts';
import { decodeEntry } from '../journal/journal-entry.ts';
import { failures } from '../kafka/memory/failures.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { Worker } from './worker.ts';

const PARKED = { topic: 'large.parked', partition: 0 };

/** A worker that parks what it is given until it is told otherwise, and notes what it has read since. */
class Rig extends LargeTasksRig {
  refusing = true;
  readonly read = new Map<string, string>();

  constructor() {
    super({ topic: { partitions: 1 } });
  }

  async work(): Promise<Worker> {
    const worker = this.large.worker(
      {
        note: () => {},
        later: () => {},
        image: () => {},
        video: async (_, { id, body }) => {
          if (this.refusing) throw new ParkError('not now');
          const hash = createHash('sha1');
          for await (const chunk of body) hash.update(chunk);
          this.read.set(id, hash.digest('hex'));
        },
      },
      { logger: silentLogger, commitIntervalMs: 10 },
    );
    await worker.start();
    return worker;
  }

  /** The parked topic refuses the part after the next one. */
  refusePart(): void {
    const stop = this.cluster.watch(({ topic }) => {
      if (topic !== PARKED.topic) return;
      stop();
      this.cluster.faults.refuseAppend(PARKED, failures.recordTooLarge);
    });
  }

  /** Parts in the parked topic, by upload. */
  partCounts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const record of this.cluster.records(PARKED.topic)) {
      const upload = readPartHead(record)?.upload;
      if (upload !== undefined) counts.set(upload, (counts.get(upload) ?? 0) + 1);
    }
    return counts;
  }

  async parked(key: string): Promise<void> {
    for (;;) {
      for await (const _ of this.large.parked.show({ key })) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Where copies of the key's mark, and what belongs to them, begin. */
  parkedFrom(key: string): number {
    for (const { value } of this.cluster.records('large.state')) {
      const entry = value === null ? undefined : decodeEntry(value.toString());
      if (entry?.kind === 'mark' && entry.key === key) return entry.parkedFrom;
    }
    throw new Error(`${key} was never parked`);
  }
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

it('parts of an attempt that failed half way are passed over by a redrive, and go with all before the next live mark', async () => {
  await using rig = new Rig();
  const worker = await rig.work();
  const [first, second] = [randomBytes(2_500_000), randomBytes(2_500_000)];
  const [parkedA, parkedB] = ['a', 'b'].map((of) => next(worker, 'key-parked', ({ key }) => key === of));
  const failed = next(worker, 'problem');
  rig.refusePart();
  await rig.large.enqueue('video', { key: 'a' }, { id: 'first', body: first });
  await Promise.all([parkedA, failed]);
  await rig.parked('a');
  const [orphaned] = rig.partCounts();
  expect(orphaned?.[1]).toBeGreaterThan(3); // 3 of one attempt, and what was left of the other

  rig.refusing = false;
  await rig.large.parked.redrive({ key: 'a' }, { waitMs: 10_000 });
  expect(rig.read.get('first')).toBe(sha1(first));

  rig.refusing = true;
  await rig.large.enqueue('video', { key: 'b' }, { id: 'second', body: second });
  await parkedB;
  await rig.parked('b');
  rig.cluster.deleteRecords(PARKED, rig.parkedFrom('b'));
  expect([...rig.partCounts().values()]).toEqual([3]);
  rig.refusing = false;
  await rig.large.parked.redrive({ key: 'b' }, { waitMs: 10_000 });
  expect(rig.read.get('second')).toBe(sha1(second));
});
