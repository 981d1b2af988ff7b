import { expect, test } from 'vitest';
import { FailurePlan } from './failures.ts';

const chunks = (run: string) =>
  Array.from({ length: 200 }, (_, sequence) => ({
    id: `visit-${run}-${sequence}`,
    capture: 'visit',
    sequence,
  }));

/** What each chunk meets, run after run, until it succeeds. */
function failuresOf(seed: number, run: string): readonly string[] {
  const plan = new FailurePlan(seed, chunks(run));
  return chunks(run).map(({ id }) => [plan.next(id), plan.next(id), plan.next(id)].join());
}

test('the same seed fails the same chunks in every run', () => {
  expect(failuresOf(5, 'monday')).toEqual(failuresOf(5, 'tuesday'));
  expect(failuresOf(5, 'monday')).not.toEqual(failuresOf(6, 'monday'));
});

test('some chunks fail, before and after storing, some twice, none for ever', () => {
  const failures = failuresOf(1, 'monday');
  const failing = failures.filter((points) => points !== ',,');
  expect(failing.length).toBeGreaterThan(10);
  expect(failing.length).toBeLessThan(50);
  expect(failing.join()).toContain('before-storing');
  expect(failing.join()).toContain('after-storing');
  expect(failing.some((points) => /storing,.*storing/.test(points))).toBe(true);
  expect(failures.every((points) => points.endsWith(','))).toBe(true);
});
