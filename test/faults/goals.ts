import { quantile } from './gaps.ts';

/** What a run is to reach on a machine that does nothing else. */
export interface Goal {
  readonly name: string;
  /** What was measured, what it is to be, and whether it is: one line. */
  readonly text: string;
  readonly isMet: boolean;
}

/** A bound of the p95 or of the longest, in milliseconds. */
export type TimesBound = { readonly p95: number } | { readonly max: number };

/** `p95 34, max 56 ms (half 12, n 78); goal: p95 at most 1500 ms, met`. Without any times it is missed. */
export function timesGoal(name: string, times: readonly number[], bound: TimesBound): Goal {
  const [share, what, most] = 'p95' in bound ? [0.95, 'p95', bound.p95] : [1, 'max', bound.max];
  const isMet = quantile(times, share) <= most;
  return { name, text: withGoal(timesText(times), `${what} at most ${most} ms`, isMet), isMet };
}

export interface NumberBound {
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  readonly show: (value: number) => string;
}

/** `0.973; goal: at least 0.950, met`. */
export function numberGoal(name: string, value: number, { bound, show }: NumberBound): Goal {
  const isMet = 'atLeast' in bound ? value >= bound.atLeast : value <= bound.atMost;
  const goal = 'atLeast' in bound ? `at least ${show(bound.atLeast)}` : `at most ${show(bound.atMost)}`;
  return { name, text: withGoal(show(value), goal, isMet), isMet };
}

/** `p95 34, max 56 ms (half 12, n 78)`. */
export function timesText(times: readonly number[]): string {
  const at = (share: number): string => quantile(times, share).toFixed(0);
  return `p95 ${at(0.95)}, max ${at(1)} ms (half ${at(0.5)}, n ${times.length})`;
}

export function figureOf({ name, text }: Goal): [name: string, figure: string] {
  return [name, text];
}

/** The goals that were not met, each with where it belongs. */
export function missedOf(goals: readonly Goal[], where = ''): string[] {
  const prefix = where === '' ? '' : `${where}: `;
  return goals.filter(({ isMet }) => !isMet).map(({ name, text }) => `${prefix}${name}: ${text}`);
}

function withGoal(measured: string, goal: string, isMet: boolean): string {
  return `${measured}; goal: ${goal}, ${isMet ? 'met' : 'MISSED'}`;
}
