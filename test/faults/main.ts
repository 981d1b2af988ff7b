import { parseArgs } from 'node:util';
import { startKafka } from '../support/kafka/cluster.ts';
import { engineMutants, isEngineMutant } from './engine-mutants.ts';
import type { Outcome, Scenario } from './scenario.ts';
import { cleanStop } from './scenarios/clean-stop.ts';
import { crashLoop } from './scenarios/crash-loop.ts';
import { deploy } from './scenarios/deploy.ts';
import { groups } from './scenarios/groups.ts';
import { heldKey } from './scenarios/held-key.ts';
import { heldMemory } from './scenarios/held-memory.ts';
import { heldRevoke } from './scenarios/held-revoke.ts';
import { killGap } from './scenarios/kill-gap.ts';
import { largeTasks, largeTasksInS3 } from './scenarios/large-tasks.ts';
import { manyParked } from './scenarios/many-parked.ts';
import { outage } from './scenarios/outage.ts';
import { parallelKeys } from './scenarios/parallel-keys.ts';
import { parkKill } from './scenarios/park-kill.ts';
import { poisonTask } from './scenarios/poison.ts';
import { retention } from './scenarios/retention.ts';
import { staticMember } from './scenarios/static-member.ts';
import { tornUploads } from './scenarios/torn-uploads.ts';
import { uploadLifecycle } from './scenarios/upload-lifecycle.ts';
import { workerKill } from './scenarios/worker-kill.ts';
import { zombie } from './scenarios/zombie.ts';

/**
 * `npm run faults`: one scenario, against brokers of its own or those that KAFKA_BROKERS names (which are then not
 * killed). Ends with 1 when anything was violated or not exercised.
 */
const scenarios: readonly Scenario[] = [
  workerKill,
  cleanStop,
  heldKey,
  parallelKeys,
  heldRevoke,
  zombie,
  crashLoop,
  deploy,
  killGap,
  staticMember,
  outage,
  heldMemory,
  poisonTask,
  parkKill,
  groups,
  manyParked,
  largeTasks,
  largeTasksInS3,
  tornUploads,
  retention,
  uploadLifecycle,
];

const SHOWN_PER_KIND = 8;

const help = `npm run faults -- --scenario NAME [--seed N] [--protocol consumer|classic] [--quick] [--keep-logs]
                [--engine-mutant NAME] [--no-check] [--broker-config NAME=VALUE]...

Scenarios
${scenarios.map((s) => `  ${s.name.padEnd(14)} ${s.about}`).join('\n')}

Engine mutants, each of which must turn worker-kill red
  ${engineMutants.join(', ')}

--broker-config sets what the brokers of the run are started with, over the tests' settings.
--no-check turns zombie red: its store does not look at the token then.
`;

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    seed: { type: 'string' },
    protocol: { type: 'string', default: 'consumer' },
    'engine-mutant': { type: 'string' },
    quick: { type: 'boolean', default: false },
    'broker-config': { type: 'string', multiple: true, default: [] },
    'no-check': { type: 'boolean', default: false },
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
const given = process.env['KAFKA_BROKERS'];
if (given === undefined || given === '') say('Starting three brokers...');
const cluster =
  given === undefined || given === ''
    ? await startKafka({
        brokerConfig: givenConfig(values['broker-config']),
        yields: scenario.brokersYield ?? false,
      })
    : undefined;
let outcome: Outcome;
try {
  outcome = await scenario.run({
    seed,
    brokers: (cluster?.bootstrap ?? given ?? '').split(','),
    cluster,
    size: values.quick ? 'quick' : 'full',
    protocol,
    mutant,
    unchecked: values['no-check'],
    keepLogs: values['keep-logs'],
    say,
  });
} finally {
  await cluster?.stop();
}
report(scenario.name, outcome);
process.exit(outcome.problems.length + outcome.missed.length === 0 ? 0 : 1);

function givenConfig(settings: readonly string[]): Record<string, string> {
  return Object.fromEntries(settings.map((setting) => setting.split(/=(.*)/s).slice(0, 2)));
}

function report(name: string, { figures, problems, missed }: Outcome): void {
  const width = Math.max(...figures.map(([label]) => label.length));
  console.log(
    `\n${name}, seed ${seed}, ${protocol}${mutant === undefined ? '' : `, engine mutant ${mutant}`}`,
  );
  for (const [label, figure] of figures) console.log(`  ${label.padEnd(width)}  ${figure}`);
  if (problems.length + missed.length === 0) {
    console.log('\nGood: nothing was violated.');
    return;
  }
  console.log(`\nBad (seed ${seed}): ${problems.length} violations, ${missed.length} goals missed`);
  for (const text of missed) console.log(`  missed: ${text}`);
  const shownOf = new Map<string, number>();
  for (const text of problems) {
    const kind = text.slice(0, text.indexOf(':'));
    const shown = (shownOf.get(kind) ?? 0) + 1;
    shownOf.set(kind, shown);
    if (shown <= SHOWN_PER_KIND) console.log(`  ${text}`);
  }
  for (const [kind, count] of shownOf) {
    if (count > SHOWN_PER_KIND) console.log(`  ${kind}: ${count - SHOWN_PER_KIND} more`);
  }
}
