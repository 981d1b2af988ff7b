import type { CommandEntry } from '../../src/journal/journal.ts';
import type { TypePolicy } from '../../src/worker/core/type-policy.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedType } from './task-types.ts';

/** Breaks what the core is told of a type. */
export function mutatePolicy({ mutant, types }: Scenario, recorded: string, type: SimulatedType): TypePolicy {
  switch (mutant) {
    case 'limit-by-recorded-name':
      return { ...type, name: recorded };
    case 'one-more-at-once':
      return { ...type, concurrency: type.concurrency + 1 };
    case 'rate-of-half-the-time': {
      const { rateLimit } = type;
      return rateLimit === undefined
        ? type
        : { ...type, rateLimit: { ...rateLimit, perMs: rateLimit.perMs / 2 } };
    }
    case 'policy-of-another-type':
      return { ...type, retry: types.at(-1)?.retry ?? type.retry };
    default:
      return type;
  }
}

/** A command that does not reach the core: records of the type have another name as well. */
export function isUnheard({ mutant }: Scenario, { verb }: CommandEntry): boolean {
  return mutant === 'hold-of-one-name' && verb.name === 'hold-type' && verb.type === 'limited-once';
}
