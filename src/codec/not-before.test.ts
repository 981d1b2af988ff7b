import { expect, it } from 'vitest';
import type { IncomingRecord } from '../kafka/port.ts';
import { defaultCodecLimits } from './codec-limits.ts';
import { encodeTask } from './envelope.ts';
import { readNotBefore } from './not-before.ts';
import { readHead } from './read-record.ts';

async function recordOf(notBeforeMs?: number): Promise<IncomingRecord> {
  const task = { id: 'i', type: 't', version: 1, payload: 1, key: 'i', enqueuedAtMs: 5, notBeforeMs };
  const { record } = await encodeTask(task, defaultCodecLimits);
  return { ...record, topic: 'q', partition: 0, offset: 0, timestampMs: 0 };
}

it('the time before which a task is not to run travels in a header of its own', async () => {
  const record = await recordOf(1_700_000_000_000);
  expect(record.headers.find(([name]) => name === 'kl-not-before')?.[1].toString()).toBe('1700000000000');
  expect(readNotBefore(record)).toBe(1_700_000_000_000);
  expect(readHead(record).kind).toBe('task');
});

it('without it, and when it is no time, a task may run at once', async () => {
  const record = await recordOf();
  expect(readNotBefore(record)).toBeUndefined();
  for (const value of ['', 'soon', '-5', '1e3']) {
    const headers = [...record.headers, ['kl-not-before', Buffer.from(value)] as const];
    expect(readNotBefore({ ...record, headers })).toBeUndefined();
  }
  expect(readNotBefore({ ...(await recordOf(5)), value: null })).toBeUndefined();
});
