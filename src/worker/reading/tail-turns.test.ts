import { expect, it } from 'vitest';
import { CoreRig } from '../../../test/support/core-rig.ts';
import type { Reader } from '../../kafka/port.ts';
import { SharedBudget } from '../core/shared-budget.ts';
import { TailFeed } from './tail-feed.ts';

/** Workers of one process, each with a tail of its own; `polls` has the numbers of those that read, in order. */
class Process {
  readonly budget = new SharedBudget(10_000);
  readonly polls: number[] = [];
  readonly rigs: readonly CoreRig[];
  readonly #feeds: readonly TailFeed[];

  constructor(count: number) {
    this.rigs = Array.from({ length: count }, (_, n) => new CoreRig({ scope: `${n}` }, this));
    this.#feeds = this.rigs.map((rig, n) => {
      rig.take(0);
      return new TailFeed({
        reader: this.#readerOf(n),
        topic: 'q',
        wantedCount: () => rig.core.wantedCount(),
        meanBytes: () => 1_000,
        deliver: () => {},
        onBroken: (error) => {
          throw error;
        },
      });
    });
  }

  /** What every worker does at each of its ticks. */
  async tick(...workers: readonly number[]): Promise<void> {
    for (const n of workers) {
      this.rigs[n]?.pass(25);
      this.#feeds[n]?.poke();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Each finds memory full, in this order. */
  async askInVain(...workers: readonly number[]): Promise<void> {
    this.budget.take(10_000);
    for (const n of workers) this.#feeds[n]?.poll();
    await this.tick(...workers);
    expect(this.polls).toEqual([]);
    this.budget.release(10_000);
  }

  /** Whose poll fills memory at once. */
  #readerOf(n: number): Reader {
    const order = async (): Promise<void> => {};
    const poll = async (): Promise<readonly []> => {
      this.polls.push(n);
      this.budget.take(10_000);
      return [];
    };
    const reader = { assign: order, unassign: order, pause: order, resume: order, close: order };
    return { ...reader, poll, onReadable: () => {}, onProblem: () => {} };
  }
}

it('workers that found memory full read in the order in which they came, each when it is there again', async () => {
  const workers = new Process(4);
  await workers.askInVain(2, 0, 3, 1);
  for (let round = 0; round < 4; round += 1) {
    await workers.tick(0, 1, 2, 3);
    workers.budget.release(10_000);
  }
  expect(workers.polls).toEqual([2, 0, 3, 1]);
});

it('nobody who only looks whether records may come uses a turn up', async () => {
  const workers = new Process(2);
  await workers.askInVain(0, 1);
  for (const { core } of workers.rigs) core.isReading();
  expect(workers.rigs.map(({ core }) => core.isReading())).toEqual([true, false]);
  await workers.tick(1, 0);
  expect(workers.polls).toEqual([0]);
});
