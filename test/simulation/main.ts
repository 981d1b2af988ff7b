import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { addCounts, type Batch, type BatchResult, emptyResult, runBatch } from './batch.ts';
import { type Mutant, mutants } from './mutant-list.ts';
import { TransitionReport } from './transitions.ts';

const help = `npm run simulate -- [--runs N] [--seed S] [--processes P] [--mutant NAME] [--trace] [--pairs]

Many schedules of the worker's core. Ends with 1 at the first that violates anything, and prints its seed.

  --runs N       how many schedules (10000)
  --seed S       the seed of the first, the next has S + 1 and so on (1); with --runs 1 it replays one
  --processes P  how many processes share them, from 500 schedules on (2)
  --mutant NAME  breaks the worker on purpose: the simulation must turn red
  --trace        prints every event, in a single process
  --pairs        lists which events never followed each other

Mutants
${mutants
  .filter((name) => name !== 'none')
  .map((name) => `  ${name}`)
  .join('\n')}
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seed: { type: 'string' },
    processes: { type: 'string' },
    mutant: { type: 'string', default: 'none' },
    trace: { type: 'boolean', default: false },
    pairs: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    batch: { type: 'string' }, // what the first process gives to another
  },
});

async function main(): Promise<number> {
  const runs = numberOf('runs', 10_000);
  const first = numberOf('seed', 1);
  const mutant = mutantOf();
  const trace = values.trace ? console.log : undefined;
  const processes = trace === undefined && runs >= 500 ? numberOf('processes', 2) : 1;
  const batches = Array.from({ length: processes }, (_, i): Batch => {
    return { from: first + i, below: first + runs, step: processes, mutant };
  });
  const results = processes === 1 ? batches.map((batch) => runBatch(batch, trace)) : await runAll(batches);
  const report = new TransitionReport();
  const sum = emptyResult(report);
  for (const result of results) {
    sum.runs += result.runs;
    sum.starts += result.starts;
    sum.reruns += result.reruns;
    addCounts(sum.counts, result.counts);
    report.add(result.transitions);
    if (result.failed !== undefined && result.failed.seed < (sum.failed?.seed ?? Number.POSITIVE_INFINITY))
      sum.failed = result.failed;
  }
  if (sum.failed !== undefined) {
    const { seed, violations } = sum.failed;
    console.error(`seed ${seed} (run ${seed - first + 1}) violates:`);
    for (const violation of violations) console.error(`  ${violation}`);
    const how = mutant === 'none' ? '' : ` --mutant ${mutant}`;
    console.error(`replay: npm run simulate -- --runs 1 --seed ${seed}${how} [--trace]`);
    return 1;
  }
  print(sum, report);
  return 0;
}

function print(sum: BatchResult, report: TransitionReport): void {
  console.log(`${sum.runs} schedules clean; ${sum.starts} starts, ${sum.reruns} of them re-runs`);
  for (const [name, count] of Object.entries(sum.counts).sort(([a], [b]) => a.localeCompare(b)))
    console.log(`  ${name}: ${count}`);
  console.log(
    `pairs of events that followed each other on a partition: ${report.covered} of ${report.possible}`,
  );
  if (!values.pairs) return;
  for (const [from, never] of report.neverSeen()) console.log(`  never after '${from}': ${never.join(', ')}`);
}

function runAll(batches: readonly Batch[]): Promise<BatchResult[]> {
  return Promise.all(
    batches.map(
      (batch) =>
        new Promise<BatchResult>((resolve, reject) => {
          const process = fork(fileURLToPath(import.meta.url), ['--batch', JSON.stringify(batch)], {
            serialization: 'advanced',
          });
          process.on('message', (result) => resolve(result as BatchResult)); // what the end of this file sends
          process.on('error', reject);
          process.on('exit', (code) => reject(new Error(`a process of the simulation ended with ${code}`)));
        }),
    ),
  );
}

function numberOf(flag: 'runs' | 'seed' | 'processes', otherwise: number): number {
  const text = values[flag];
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`--${flag} takes a whole number, got ${text}`);
  return value;
}

function mutantOf(): Mutant {
  const found = mutants.find((one) => one === values.mutant);
  if (found === undefined) throw new Error(`--mutant takes one of ${mutants.join(', ')}`);
  return found;
}

if (values.help) console.log(help);
else if (values.batch === undefined) process.exitCode = await main();
else process.send?.(runBatch(JSON.parse(values.batch) as Batch)); // what the first process has given it
