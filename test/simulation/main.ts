import { type Mutant, mutants, scenarioOf } from './scenario.ts';
import { simulate } from './simulate.ts';
import { TransitionReport } from './transitions.ts';

/** `npm run simulate -- --runs N --seed S [--mutant NAME] [--trace]`: many schedules of the worker's core; one seed replays one. */
function main(): number {
  const runs = numberOf('--runs', 10_000);
  const first = numberOf('--seed', 1);
  const mutant = mutantOf();
  const trace = process.argv.includes('--trace') ? console.log : undefined;
  const counts = new Map<string, number>();
  const report = new TransitionReport();
  let starts = 0;
  let reruns = 0;
  for (let seed = first; seed < first + runs; seed += 1) {
    const result = simulate(scenarioOf(seed, mutant), trace);
    starts += result.starts;
    reruns += result.reruns;
    report.add(result.transitions);
    for (const [name, count] of Object.entries(result.counts))
      counts.set(name, (counts.get(name) ?? 0) + count);
    if (result.violations.length > 0) {
      console.error(`seed ${seed} (run ${seed - first + 1}) violates:`);
      for (const violation of result.violations) console.error(`  ${violation}`);
      console.error(
        `replay: npm run simulate -- --runs 1 --seed ${seed}${mutant === 'none' ? '' : ` --mutant ${mutant}`}`,
      );
      return 1;
    }
  }
  console.log(`${runs} schedules clean; ${starts} starts, ${reruns} of them re-runs`);
  for (const [name, count] of [...counts].sort(([a], [b]) => a.localeCompare(b)))
    console.log(`  ${name}: ${count}`);
  console.log(
    `pairs of events that followed each other on a partition: ${report.covered} of ${report.possible}`,
  );
  for (const [from, never] of report.neverSeen()) console.log(`  never after '${from}': ${never.join(', ')}`);
  return 0;
}

function flagValue(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  return at < 0 ? undefined : process.argv[at + 1];
}

function numberOf(flag: string, otherwise: number): number {
  const text = flagValue(flag);
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${flag} takes a whole number, got ${text}`);
  return value;
}

function mutantOf(): Mutant {
  const name = flagValue('--mutant') ?? 'none';
  const found = mutants.find((one) => one === name);
  if (found === undefined) throw new Error(`--mutant takes one of ${mutants.join(', ')}`);
  return found;
}

process.exitCode = main();
