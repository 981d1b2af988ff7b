import type { RetryPolicy } from '../../src/worker/core/retry.ts';
import type { AfterGiveUp, TypePolicy } from '../../src/worker/core/type-policy.ts';

/** A type of task, and what holds for it. */
export interface SimulatedType extends TypePolicy {
  /** The names that records carry; the first one is the present name. */
  readonly recorded: readonly [string, ...string[]];
  readonly afterGiveUp: AfterGiveUp;
  /** Each of its tasks is alone under a key of its own, and may be delayed. */
  readonly unordered: boolean;
}

/** The name of the one type that every scenario has. */
export const PLAIN = 'task';

const patient: RetryPolicy = {
  minDelayMs: 10,
  maxDelayMs: 100,
  giveUpAfterMs: Number.POSITIVE_INFINITY,
  maxAttempts: undefined,
};

const afterGiveUps = ['parkKey', 'parkTask', 'wait'] as const;

/** The plain type, and others that differ from it in all that may differ. */
export function typesOf(
  chance: number,
  what: { readonly variety: boolean; readonly delays: boolean; readonly afterGiveUp: AfterGiveUp },
): readonly SimulatedType[] {
  const plain = typeOf([PLAIN], { retry: patient, afterGiveUp: what.afterGiveUp });
  const others = what.variety ? limitedTypes(chance) : [];
  if (!what.delays) return [plain, ...others];
  const about = { retry: patient, afterGiveUp: otherThan(chance >>> 11), concurrency: 4, unordered: true };
  return [plain, ...others, typeOf(['unordered'], about)];
}

function otherThan(chance: number): AfterGiveUp {
  return afterGiveUps[chance % 3] ?? 'parkKey';
}

function limitedTypes(chance: number): readonly SimulatedType[] {
  return [
    typeOf(['limited', 'limited-once'], {
      retry: { ...patient, maxAttempts: 2 + (chance % 3) },
      afterGiveUp: otherThan(chance >>> 2),
      concurrency: 1 + ((chance >>> 4) % 2),
    }),
    typeOf(['paced'], {
      retry: { ...patient, giveUpAfterMs: 120 },
      afterGiveUp: otherThan(chance >>> 5),
      concurrency: (chance >>> 7) % 2 === 0 ? 3 : Number.POSITIVE_INFINITY,
      rateLimit: { count: 2 + ((chance >>> 8) % 2), perMs: 60 },
    }),
  ];
}

function typeOf(
  recorded: SimulatedType['recorded'],
  about: Pick<SimulatedType, 'retry' | 'afterGiveUp'> & Partial<SimulatedType>,
): SimulatedType {
  const unlimited = { concurrency: Number.POSITIVE_INFINITY, rateLimit: undefined, unordered: false };
  return { ...unlimited, name: recorded[0], recorded, ...about };
}

/** By a name that a record carries. */
export function typeNamed(types: readonly SimulatedType[], recorded: string): SimulatedType {
  const found = types.find((type) => type.recorded.includes(recorded));
  if (found === undefined) throw new Error(`there is no type ${recorded}`);
  return found;
}

/** The id that a producer would have written on a task. One that needs no order is alone under its id. */
export function taskIdOf(type: SimulatedType, key: string, offset: number): string {
  return type.unordered ? key : `task-${offset}`;
}
