import { keyHash } from '../../src/worker/core/key-hash.ts';
import { type CheckOptions, type CheckReport, checkEvents } from '../checker/check-history.ts';
import type { LogEvent } from '../checker/events.ts';
import { checkVacuity, type Minimum } from '../checker/vacuity.ts';
import type { KafkaCluster } from '../support/kafka/cluster.ts';
import type { EngineMutant } from './engine-mutants.ts';
import type { GroupProtocol } from './process-settings.ts';
import { World, type WorldOptions } from './world.ts';

export type RunSize = 'full' | 'quick' | 'tiny';

export interface ScenarioOptions {
  readonly seed: number;
  readonly brokers: readonly string[];
  /** Where brokers may be killed; undefined where they are shared with others. */
  readonly cluster: KafkaCluster | undefined;
  /** How much of everything: `quick` has fewer tasks, kills and rounds, `tiny` one rebalance and no kill. */
  readonly size: RunSize;
  readonly protocol: GroupProtocol;
  readonly mutant: EngineMutant | undefined;
  /** Takes away the check that the scenario is about: it must go red. */
  readonly unchecked?: boolean;
  /** Keep the event logs, and say where they are. */
  readonly keepLogs: boolean;
  readonly say: (line: string) => void;
}

/** What came out of a run. It is good when nothing was wrong and no goal was missed. */
export interface Outcome {
  /** Violations, what was not exercised, and what did not come to its end. */
  readonly problems: readonly string[];
  /** Goals of speed that were not met: a busy machine misses them too. */
  readonly missed: readonly string[];
  /** Name and figure, for the table. */
  readonly figures: readonly (readonly [name: string, figure: string])[];
  readonly report: CheckReport | undefined;
}

export interface Scenario {
  readonly name: string;
  /** One line for the help text. */
  readonly about: string;
  /** Brokers made for it leave the processors to its processes, as those on other machines do. */
  readonly brokersYield?: boolean;
  run(options: ScenarioOptions): Promise<Outcome>;
}

/** Kafka records carry the key in UTF-8, and lanes are named by the record's bytes. */
export function laneOf(key: string): string {
  return keyHash(Buffer.from(key, 'utf8').toString('latin1'));
}

export interface Played {
  readonly world: World;
  readonly report: CheckReport;
  readonly problems: string[];
}

interface Rules {
  readonly minimum: Minimum;
  readonly check?: Omit<CheckOptions, 'laneOf'>;
  /** Default: `checkEvents`. */
  readonly judge?: (events: readonly LogEvent[], options: CheckOptions) => CheckReport;
}

/**
 * Opens a world, plays in it, ends every process, and checks what they wrote. What the play throws is a problem like a
 * violation is, and does not keep the logs from being checked.
 */
export async function play(
  options: ScenarioOptions,
  world: WorldOptions,
  rules: Rules,
  script: (world: World) => Promise<void>,
): Promise<Played> {
  const opened = await World.open(world);
  const problems: string[] = [];
  let report: CheckReport;
  try {
    await script(opened);
    await opened.stopAll();
  } catch (error) {
    problems.push(`did not come to its end: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    const events = opened.events();
    report = (rules.judge ?? checkEvents)(events, { laneOf, ...rules.check });
    problems.push(...report.violations.map((v) => `${v.property}: ${v.text}`));
    problems.push(
      ...checkVacuity(report.figures, rules.minimum).map((text) => `exercised too little: ${text}`),
    );
    await opened.close({ keep: options.keepLogs });
    if (options.keepLogs) options.say(`logs: ${opened.folder}`);
  }
  return { world: opened, report, problems };
}

export function figuresOf({ figures }: CheckReport): [string, string][] {
  return [
    ['tasks called / acked / finished', `${figures.called} / ${figures.acked} / ${figures.finished}`],
    ['starts / failures', `${figures.starts} / ${figures.failures}`],
    [
      're-runs (aborted, uncommitted)',
      `${figures.reruns} (${figures.rerunsAborted}, ${figures.rerunsUncommitted})`,
    ],
    ['kills (in a rebalance)', `${figures.kills} (${figures.killsDuringRebalance})`],
    ['clean stops', String(figures.stops)],
    ['brokers restarted', String(figures.brokerRestarts)],
    ['assignments', String(figures.rebalances)],
    ['partition commits (late)', `${figures.commits} (${figures.lateCommits})`],
    ['duration', `${(figures.durationMs / 1000).toFixed(1)} s`],
  ];
}
