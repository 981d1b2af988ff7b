import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OptionsError } from '../src/errors/options-error.ts';
import { loadNative } from '../src/kafka/confluent/native.ts';
import { connectKafka } from '../src/queue/connect-kafka.ts';
import { TaskQueue } from '../src/queue/task-queue.ts';
import { defineTask } from '../src/tasks/define-task.ts';
import { silentLogger } from '../src/telemetry/logger.ts';

const tasks = { note: defineTask({ schema: z.object({ key: z.string() }), key: ({ key }) => key }) };
const { features } = await loadNative();

function problems(error: unknown): readonly { readonly path: string; readonly cure: string }[] {
  return error instanceof OptionsError ? error.problems : [];
}

const hasZstd = features.includes('zstd');

if (!hasZstd) {
  describe('zstd, with a Kafka client that was built without it', () => {
    it('is refused with what to do, by the first enqueue and by a worker that starts', async () => {
      await using kafka = connectKafka({ embedded: true, producer: { compression: 'zstd' } });
      await using queue = new TaskQueue({ name: 'q', tasks, kafka, logger: silentLogger });
      const failed = await queue.enqueue('note', { key: 'a' }).catch((error: unknown) => error);
      expect(failed).toMatchObject({ code: 'OPTIONS_INVALID', outcome: 'absent' });
      const told = [{ path: 'producer.compression', cure: expect.stringContaining('libzstd-dev') }];
      expect(problems((failed as Error).cause)).toMatchObject(told);
      const worker = queue.worker({ note: () => {} }, { logger: silentLogger });
      expect(problems(await worker.start().catch((error: unknown) => error))).toMatchObject(told);
    });
  });
}

const usable = ['lz4', 'none', ...(hasZstd ? ['zstd' as const] : [])] as const;

it.each(usable)('%s compresses no batch that cannot be read', async (compression) => {
  await using kafka = connectKafka({ embedded: true, producer: { compression } });
  await using queue = new TaskQueue({ name: 'q', tasks, kafka, logger: silentLogger });
  const keys: string[] = [];
  let done = (): void => {};
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const worker = queue.worker(
    {
      note: ({ key }) => {
        keys.push(key);
        if (keys.length === 2) done();
      },
    },
    { logger: silentLogger },
  );
  await worker.start();
  const key = 'long '.repeat(100);
  await Promise.all([queue.enqueue('note', { key: 'a' }), queue.enqueue('note', { key })]);
  await all;
  expect(keys.sort()).toEqual(['a', key]);
});
