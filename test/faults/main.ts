import { parseArgs } from 'node:util';
import { startKafka } from '../support/kafka/cluster.ts';
import { engineMutants, isEngineMutant } from './engine-mutants.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { cleanStop } from './scenarios/clean-stop.ts';
import { heldKey } from './scenarios/held-key.ts';
import { heldRevoke } from './scenarios/held-revoke.ts';
import { parallelKeys } from './scenarios/parallel-keys.ts';
import { workerKill } from './scenarios/worker-kill.ts';

/** `npm run faults`: one scenario against brokers of its own; ends with 1 when anything was violated or not exercised. */
const scenarios: readonly Scenario[] = [workerKill, cleanStop, heldKey, parallelKeys, heldRevoke];

const help = `npm run faults -- --scenario NAME [--seed N] [--protocol consumer|classic] [--quick] [--keep-logs]
                [--engine-mutant NAME]

Scenarios
${scenarios.map((s) => `  ${s.name.padEnd(14)} ${s.about}`).join('\n')}

Engine mutants, each of which must turn worker-kill red
  ${engineMutants.join(', ')}
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string' },
    protocol: { type: 'string', default: 'consumer' },
    'engine-mutant': { type: 'string' },
    quick: { type: 'boolean', default: false },
    'keep-logs': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const scenario = scenarios.find((s) => s.name === values.scenario);
const mutant = values['engine-mutant'];
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const { protocol } = values;
const unclear =
  scenario === undefined ||
  !Number.isSafeInteger(seed) ||
  (protocol !== 'consumer' && protocol !== 'classic') ||
  (mutant !== undefined && !isEngineMutant(mutant));
if (values.help || unclear) {
  console.error(help);
  process.exit(values.help ? 0 : 2);
}

const say = (line: string): void => console.error(line);
say('Starting three brokers...');
const cluster = await startKafka({ brokerConfig: scenario.brokerConfig ?? {} });
let outcome: Outcome;
try {
  outcome = await scenario.run({
    seed,
    brokers: cluster.bootstrap.split(','),
    cluster,
    quick: values.quick,
    protocol,
    mutant,
    keepLogs: values['keep-logs'],
    say,
  });
} finally {
  await cluster.stop();
}
report(scenario.name, outcome);
process.exit(outcome.problems.length === 0 ? 0 : 1);

function report(name: string, { figures, problems }: Outcome): void {
  const width = Math.max(...figures.map(([label]) => label.length));
  console.log(
    `\n${name}, seed ${seed}, ${protocol}${mutant === undefined ? '' : `, engine mutant ${mutant}`}`,
  );
  for (const [label, figure] of figures) console.log(`  ${label.padEnd(width)}  ${figure}`);
  if (problems.length === 0) {
    console.log('\nGood: nothing was violated.');
    return;
  }
  console.log(`\n${problems.length} problems (seed ${seed}):`);
  const shown = 40;
  for (const problem of problems.slice(0, shown)) console.log(`  ${problem}`);
  if (problems.length > shown) console.log(`  and ${problems.length - shown} more`);
}
