import { expect, it } from 'vitest';
import { Emitter } from '../telemetry/emitter.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { logEvents } from './log-events.ts';
import type { PinnedBy } from './retention/retention-health.ts';
import type { WorkerEvents } from './worker-events.ts';

it('what operators hold is written down, by key or type and partition', () => {
  const events = new Emitter<WorkerEvents>((error) => {
    throw error;
  });
  const lines: string[] = [];
  const note = (level: string) => (line: string) => void lines.push(`${level}: ${line}`);
  logEvents(events, { ...silentLogger, warn: note('warn'), info: note('info') });
  const asked = { partition: 3, command: 'c', by: 'me' };
  events.emit('held-by-operator', { ...asked, key: 'a', type: undefined });
  events.emit('held-by-operator', { ...asked, key: undefined, type: 'mail' });
  events.emit('released-by-operator', { ...asked, key: 'a', type: undefined });
  events.emit('holds-found', { partition: 4, keys: ['b'], types: [] });
  expect(lines).toEqual([
    "warn: an operator holds key 'a' in partition 3; its tasks wait",
    "warn: an operator holds 'mail' in partition 3; its tasks wait",
    "info: an operator has released key 'a' in partition 3",
    'warn: operators hold keys or types of partition 4; their tasks wait',
  ]);
});

it('reading that waits for a leader is written down', () => {
  const events = new Emitter<WorkerEvents>((error) => {
    throw error;
  });
  const lines: string[] = [];
  logEvents(events, { ...silentLogger, warn: (line) => void lines.push(line) });
  events.emit('reading-waits', { partition: 3, offset: 5n, elapsedMs: 30_400 });
  expect(lines).toEqual([
    'partition 3 is not read on: its leader has not said for 30 s what it has of what was read',
  ]);
});

it('what keeps records that are finished, or threatens unfinished ones, is written down with who it is', () => {
  const events = new Emitter<WorkerEvents>((error) => {
    throw error;
  });
  const lines: string[] = [];
  const note = (level: string) => (line: string) => void lines.push(`${level}: ${line}`);
  logEvents(events, { ...silentLogger, warn: note('warn'), error: note('error') });
  const pin = { topic: 'q', partition: 3, offset: 7n, records: 5, ageMs: 9, bytes: undefined };
  const task = { kind: 'task', group: 'g', partition: 3, offset: 7n } as const;
  const pinned = (...by: readonly PinnedBy[]): void =>
    events.emit('retention-pinned', {
      partitions: by.length,
      queuePartitions: by.length,
      records: 5 * by.length,
      bytes: undefined,
      worst: by.map((one) => ({ ...pin, by: one })),
    });
  pinned({ ...task, key: 'a' });
  pinned({ ...task, key: undefined });
  pinned({ kind: 'group', group: 'h' });
  const others: readonly PinnedBy[] = [
    { kind: 'parked', group: 'g', partition: 27, key: 'b', mark: 4 },
    { kind: 'queue-partition', partition: 27 },
  ];
  pinned(...others);
  pinned(...others, ...others);
  events.emit('retention-refused', { topic: 'q', why: 'it may not', failure: undefined });
  events.emit('retention-alarm', { partition: 3, offset: 7n, key: 'a', ageMs: 500, timeMs: 1_000 });
  const kept = 'are kept longer than asked for';
  const parked = "5 in q/3, key 'b' is parked for group 'g'";
  const parts = '5 in q/3, partition 27 of the queue has tasks that may need them';
  expect(lines).toEqual([
    `warn: 5 records in 1 partition ${kept}: 5 in q/3, group 'g' has not finished the task at 3/7, of key 'a'`,
    `warn: 5 records in 1 partition ${kept}: 5 in q/3, group 'g' has not finished the task at 3/7`,
    `warn: 5 records in 1 partition ${kept}: 5 in q/3, group 'h' is declared and has never worked there`,
    `warn: 10 records in 2 partitions ${kept}: ${parked}; ${parts}`,
    `warn: 20 records in 4 partitions ${kept}: ${parked}; ${parts}; ${parked}; ...`,
    'warn: nothing of q can be deleted: it may not',
    'error: Kafka deletes the oldest unfinished task of partition 3 when it is 1000 ms old, and half of that is over',
  ]);
});
