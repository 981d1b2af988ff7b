import { scenarioOf, simulate } from './simulate.ts';
import { type Mutant, mutants } from './world.ts';

/** `npm run simulate -- --runs N --seed S [--mutant NAME]`: many schedules of the worker's core; one seed replays one. */
function main(): number {
  const runs = numberOf('--runs', 10_000);
  const first = numberOf('--seed', 1);
  const mutant = mutantOf();
  const counts = new Map<string, number>();
  let starts = 0;
  let reruns = 0;
  for (let seed = first; seed < first + runs; seed += 1) {
    const result = simulate(scenarioOf(seed, mutant));
    starts += result.starts;
    reruns += result.reruns;
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
