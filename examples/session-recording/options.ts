import { parseArgs } from 'node:util';
import { UsageError } from './failure-text.ts';
import { type Defect, defects } from './inject.ts';

export interface Options {
  /** End after the proof. */
  readonly once: boolean;
  /** 0 takes a free port. */
  readonly port: number;
  /** Where recordings are stored; a new temporary folder when left out. */
  readonly dir: string | undefined;
  /** Decides which chunks fail. */
  readonly seed: number;
  /** Spoils storage, to show that the proof notices. */
  readonly inject: Defect | undefined;
  /** A running cluster; embedded Kafka when left out. */
  readonly brokers: readonly string[] | undefined;
}

const DEFAULT_PORT = 4180;

export const usage = `Records visits of a web page through a keylane queue and proves that nothing got lost or out of order.

  npm start                    prove, then serve the page until Ctrl-C
  npm start -- --once          prove and end; exit code 1 when anything is missing, doubled or out of order
  npm start -- --port 8080     serve there (default ${DEFAULT_PORT}; 0 takes a free port)
  npm start -- --dir ./store   keep recordings there (default: a new temporary folder)
  npm start -- --seed 7        fail other chunks (default 1)
  KAFKA_BROKERS=host:9092,...  run on that cluster instead of embedded Kafka`;

/** @throws UsageError naming what was not understood */
export function parseArguments(args: readonly string[], env: NodeJS.ProcessEnv): Options | 'help' {
  const values = parsed(args);
  if (values.help === true) return 'help';
  const brokers = (env['KAFKA_BROKERS'] ?? '')
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  return {
    once: values.once === true,
    port: wholeNumber('--port', values.port, 65_535) ?? (values.once === true ? 0 : DEFAULT_PORT),
    dir: values.dir,
    seed: wholeNumber('--seed', values.seed, Number.MAX_SAFE_INTEGER) ?? 1,
    inject: defect(values.inject),
    brokers: brokers.length > 0 ? brokers : undefined,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        once: { type: 'boolean' },
        port: { type: 'string' },
        dir: { type: 'string' },
        seed: { type: 'string' },
        inject: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

function wholeNumber(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= most) return value;
  throw new UsageError(`${name} takes a whole number from 0 to ${most}, not '${text}'.`);
}

function defect(text: string | undefined): Defect | undefined {
  const found = defects.find((name) => name === text);
  if (text === undefined || found !== undefined) return found;
  throw new UsageError(`--inject takes ${defects.join(', ')}, not '${text}'.`);
}
