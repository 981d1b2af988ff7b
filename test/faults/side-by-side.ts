import type { World } from './world.ts';

/** When each task was finished, in order. */
export function finishesIn(world: World): number[] {
  const moments = world.events().flatMap((e) => (e.event === 'task-finished' ? [e.at] : []));
  return moments.sort((a, b) => a - b);
}

/** How two runs went while both were at work: for how long, and the tasks that each finished in a second. */
export function sideBySide(
  one: readonly number[],
  other: readonly number[],
): { readonly seconds: number; readonly perSecond: readonly [one: number, other: number] } {
  const from = Math.max(one[0] ?? Number.NaN, other[0] ?? Number.NaN);
  const to = Math.min(one.at(-1) ?? Number.NaN, other.at(-1) ?? Number.NaN);
  const seconds = (to - from) / 1_000;
  const speed = (moments: readonly number[]): number =>
    moments.filter((moment) => moment >= from && moment <= to).length / seconds;
  return { seconds, perSecond: [speed(one), speed(other)] };
}
