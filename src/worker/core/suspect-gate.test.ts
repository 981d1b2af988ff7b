import { expect, it } from 'vitest';
import { SuspectGate } from './suspect-gate.ts';

it('is closed by whoever asks first, and opened by nobody else', () => {
  const gate = new SuspectGate();
  const [first, second] = [{}, {}];
  expect(gate.closed).toBe(false);
  expect(gate.close(first)).toBe(true);
  expect(gate.close(second)).toBe(false);
  gate.open(second);
  gate.open(undefined);
  expect([gate.isHeldBy(first), gate.isHeldBy(second)]).toEqual([true, false]);
  gate.open(first);
  expect(gate.closed).toBe(false);
  expect(gate.close(second)).toBe(true);
});

it('counts the suspects under way in the process', () => {
  const gate = new SuspectGate();
  gate.enter();
  gate.enter();
  gate.leave();
  expect(gate.underWay).toBe(1);
});
