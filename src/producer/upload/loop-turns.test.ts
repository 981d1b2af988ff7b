import { expect, it } from 'vitest';
import { bytes, setUpUploads, upload } from '../../../test/support/upload-rig.ts';
import { LoopTurns } from './loop-turns.ts';

const MB = 1_000_000;

/** What the work appended to, noted in each turn of the event loop until the work is over. */
async function perTurn(log: readonly unknown[], work: Promise<unknown>): Promise<number[]> {
  const counts: number[] = [];
  let seen = 0;
  let isOver = false;
  void work.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    counts.push(log.length - seen);
    seen = log.length;
  }
  return counts;
}

it('uploads from sources that never wait let the event loop come round after each part', async () => {
  const { uploader, parts } = setUpUploads();
  parts.ackEverything();
  async function* ready(): AsyncGenerator<Buffer> {
    for (let n = 0; n < 8; n += 1) yield bytes(MB);
  }
  const jobs = [0, 1, 2].map((partition) => upload(ready(), { partition, partBytes: MB }));
  const all = Promise.all(jobs.map((job) => uploader.upload(job)));
  const counts = await perTurn(parts.records, all);
  expect(parts.records).toHaveLength(24);
  expect(Math.max(...counts)).toBeLessThanOrEqual(2);
});

it('small parts do not wait for each other', async () => {
  const turns = new LoopTurns();
  const log: number[] = [];
  const work = (async () => {
    for (let n = 0; n < 100; n += 1) {
      await turns.spend(1_000);
      log.push(n);
    }
  })();
  expect(await perTurn(log, work)).toEqual([100]);
});
