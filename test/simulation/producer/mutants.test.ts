import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import type * as Batches from '../../../src/producer/core/batches.ts';
import type * as Room from '../../../src/producer/core/buffer-room.ts';
import type * as Outcomes from '../../../src/producer/core/outcomes.ts';
import type * as Line from '../../../src/producer/core/partition-line.ts';
import type * as State from '../../../src/producer/core/producer-state.ts';
import { schedules } from './actions.ts';
import { config, World } from './world.ts';

// The test of the test: each of these ways to get the producer wrong has to be found by the simulation.

const core = '../../../src/producer/core';

/** Replaces parts of one module of the core, in a fresh copy of it. */
function mutate<M extends object>(file: string, change: (real: M) => Partial<M>): () => void {
  return () => {
    vi.doMock(`${core}/${file}.ts`, async (importReal) => {
      const real = await importReal<M>();
      return { ...real, ...change(real) };
    });
  };
}

const mutants: Readonly<Record<string, { readonly apply: () => void; readonly found: RegExp }>> = {
  'sends into a cold partition as if it were warm': {
    apply: mutate<typeof Batches>('batches', (real) => ({
      takeBatches(state, incarnation) {
        for (const line of state.stirred) {
          line.warmIn = incarnation;
          line.lastAckMs = state.nowMs;
        }
        return real.takeBatches(state, incarnation);
      },
    })),
    found: /cold partition/,
  },
  'does not notice a new incarnation': {
    apply: mutate<typeof Batches>('batches', (real) => ({
      takeBatches(state, incarnation) {
        for (const line of state.stirred) {
          if (line.warmIn !== undefined) line.warmIn = incarnation;
        }
        return real.takeBatches(state, incarnation);
      },
    })),
    found: /cold partition/,
  },
  'lets the followers of a failed task go on': {
    apply: mutate<typeof State>('producer-state', () => ({ failFollowers: () => undefined })),
    found: /was sent although/,
  },
  'takes an ack without an offset for success': {
    apply: mutate<typeof Outcomes>('outcomes', (real) => ({
      settleBatch(state, batch, result) {
        const outcomes = result.outcomes.map((outcome) =>
          outcome.kind === 'appended' && outcome.offset < 0 ? { ...outcome, offset: 0 } : outcome,
        );
        real.settleBatch(state, batch, { ...result, outcomes });
      },
    })),
    found: /is not at its offset/,
  },
  'sends what came back behind everything else': {
    apply: mutate<typeof Line>('partition-line', (real) => ({
      PartitionLine: class extends real.PartitionLine {
        override unshiftSendable(items: Parameters<Line.PartitionLine['unshiftSendable']>[0]): void {
          for (const item of items) this.pushSendable(item);
        }
      },
    })),
    found: /too late/,
  },
  'sends what came back although a later task of its key is in the log': {
    apply: mutate<typeof Outcomes>('outcomes', (real) => ({
      settleBatch(state, batch, result) {
        for (const { lane } of batch.items) lane.newestLandedSeq = Number.NEGATIVE_INFINITY;
        real.settleBatch(state, batch, result);
      },
    })),
    found: /too late/,
  },
  'lets an encoded task overtake one of its key that is not': {
    apply: mutate<typeof State>('producer-state', () => ({
      letPass(state, lane) {
        for (let item = lane.first; item !== undefined; item = item.after) {
          if (item.stage !== 'ready') continue;
          if (lane.firstUnready === item) lane.firstUnready = item.after;
          lane.line.pushSendable(item);
          state.stirred.add(lane.line);
        }
      },
    })),
    found: /too late/,
  },
  'says absent of what was handed over': {
    apply: mutate<typeof State>('producer-state', (real) => ({
      refuse(state, item, failure) {
        const told = 'stage' in failure ? ({ ...failure, stage: 'sendable' } as const) : failure;
        real.refuse(state, item, told);
      },
    })),
    found: /said to be absent/,
  },
  'never gives room back': {
    apply: mutate<typeof Room>('buffer-room', (real) => ({
      BufferRoom: class extends real.BufferRoom {
        override release(): void {
          // kept
        }
      },
    })),
    found: /stay in the buffer|stuck/,
  },
  'forgets who waits for a share': {
    apply: mutate<typeof Room>('buffer-room', (real) => ({
      BufferRoom: class extends real.BufferRoom {
        override release(item: Parameters<Room.BufferRoom['release']>[0]): void {
          const { gate } = item.lane;
          item.lane.gate = 'none';
          super.release(item);
          item.lane.gate = gate;
        }
      },
    })),
    found: /stuck/,
  },
};

afterEach(() => {
  for (const file of [
    'batches',
    'buffer-room',
    'outcomes',
    'partition-line',
    'producer-core',
    'producer-state',
  ]) {
    vi.doUnmock(`${core}/${file}.ts`);
  }
  vi.resetModules();
});

/** The rarest shows once in some 10,000 schedules: of 30,000 all were sound once in a while. */
const MOST_RUNS = 300_000;

it.each(Object.keys(mutants))('finds a producer that %s', { timeout: 600_000 }, async (name) => {
  const mutant = mutants[name];
  vi.resetModules();
  mutant?.apply();
  const { ProducerCore } = await import('../../../src/producer/core/producer-core.ts');
  const found = new Set<string>();
  const outcome = fc.check(
    fc.property(schedules, (actions) => {
      const world = new World(new ProducerCore(config));
      world.run(actions);
      for (const violation of world.violations) found.add(violation);
      return world.violations.length === 0;
    }),
    { numRuns: MOST_RUNS, endOnFailure: true },
  );
  expect(outcome.failed).toBe(true);
  expect([...found].join('\n')).toMatch(mutant?.found ?? /never/);
});
