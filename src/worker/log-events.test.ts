import { expect, it } from 'vitest';
import { Emitter } from '../telemetry/emitter.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { logEvents } from './log-events.ts';
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
