import type { Mutant } from './mutant-list.ts';
import { scenarioOf } from './scenario.ts';
import { type SimulationResult, simulate } from './simulate.ts';
import { TransitionReport } from './transitions.ts';

/** Seeds `from`, `from + step` and so on below `below`. */
export interface Batch {
  readonly from: number;
  readonly below: number;
  readonly step: number;
  readonly mutant: Mutant;
}

/** What a batch has shown. It ends with the first schedule that violates something. */
export interface BatchResult {
  runs: number;
  starts: number;
  reruns: number;
  counts: Record<string, number>;
  readonly transitions: Float64Array;
  failed: { readonly seed: number; readonly violations: readonly string[] } | undefined;
}

export function runBatch(batch: Batch, trace?: (line: string) => void): BatchResult {
  const report = new TransitionReport();
  const result: BatchResult = emptyResult(report);
  for (let seed = batch.from; seed < batch.below; seed += batch.step) {
    const one = simulate(scenarioOf(seed, batch.mutant), trace);
    note(result, one);
    report.add(one.transitions);
    if (one.violations.length === 0) continue;
    result.failed = { seed, violations: one.violations };
    break;
  }
  return result;
}

export function emptyResult(report: TransitionReport): BatchResult {
  return { runs: 0, starts: 0, reruns: 0, counts: {}, transitions: report.counts, failed: undefined };
}

function note(result: BatchResult, one: SimulationResult): void {
  result.runs += 1;
  result.starts += one.starts;
  result.reruns += one.reruns;
  addCounts(result.counts, one.counts);
}

export function addCounts(to: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) to[name] = (to[name] ?? 0) + count;
}
