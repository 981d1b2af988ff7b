import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import { type Attempt, SharedBudget } from '../core/shared-budget.ts';
import { BudgetWindows } from './budget-windows.ts';
import { type Claimant, PartReserve } from './part-reserve.ts';

/** A process: what its workers have for windows, and who was given memory, in order. */
class Process {
  readonly clock = new ManualClock();
  readonly granted: string[] = [];
  readonly budget: SharedBudget;

  constructor(budgetBytes: number) {
    this.budget = new SharedBudget(budgetBytes);
  }

  worker(): PartReserve {
    return new PartReserve(new BudgetWindows(this.budget, this.clock), this.clock);
  }

  /** What a copy that is parked reads, or what an attempt asks for beyond what it started with. */
  claimant(name: string, windowBytes: number, attempt?: Attempt): Claimant {
    return { windowBytes, attempt, granted: () => void this.granted.push(name) };
  }

  /** Asks for `count` members of one attempt or batch. */
  batch(name: string, count: number, bytes: number, worker = this.worker()): () => void {
    const attempt = { company: {} };
    const members = Array.from({ length: count }, (_, n) => this.claimant(`${name}${n}`, bytes, attempt));
    for (const member of members) worker.ask(member);
    return () => {
      for (const member of members) worker.release(member);
    };
  }
}

describe('more memory for what runs', () => {
  it('is given to all of a batch, which ends as one: none of its tasks waits for another', () => {
    const process = new Process(10_000);
    process.batch('a', 3, 8_000);
    expect(process.granted).toEqual(['a0', 'a1', 'a2']);
    expect(process.budget.usedBytes).toBe(24_000);
  });

  it('goes beyond the budget for one attempt or batch at a time, in the order in which they came', async () => {
    const process = new Process(10_000);
    const [here, there] = [process.worker(), process.worker()];
    const first = process.batch('a', 2, 8_000, here);
    const second = process.batch('b', 2, 8_000, there);
    const third = process.batch('c', 2, 8_000, here);
    await process.clock.advance(60_000);
    expect(process.granted).toEqual(['a0', 'a1']);
    first();
    await process.clock.advance(25);
    expect(process.granted.slice(2)).toEqual(['b0', 'b1']);
    second();
    await process.clock.advance(25);
    expect(process.granted.slice(4)).toEqual(['c0', 'c1']);
    third();
    expect(process.budget.usedBytes).toBe(0);
  });

  it('comes for batches that have some of it already: those that had room do not wait for each other', async () => {
    const process = new Process(10_000);
    const [a, b] = [{ company: {} }, { company: {} }];
    const worker = process.worker();
    for (const [name, attempt] of Object.entries({ a, b }))
      worker.ask(process.claimant(`${name}, with room`, 2_000, attempt));
    const beyond = process.claimant('a, beyond', 2_000, a);
    worker.ask(beyond);
    worker.ask(process.claimant('b, beyond', 2_000, b));
    worker.ask(process.claimant('a, once more', 2_000, a));
    expect(process.granted).toEqual(['a, with room', 'b, with room', 'a, beyond', 'a, once more']);
  });

  it('counts those as one that meet in a batch only after they have begun to read', () => {
    const process = new Process(10_000);
    const [first, second]: { company: object }[] = [{ company: {} }, { company: {} }];
    if (first === undefined || second === undefined) throw new Error('two');
    const worker = process.worker();
    worker.ask(process.claimant('first', 8_000, first));
    worker.ask(process.claimant('second', 8_000, second));
    expect(process.granted).toEqual(['first']);
    const batch = {};
    first.company = batch;
    second.company = batch;
    worker.ask(process.claimant('first again', 8_000, first));
    expect(process.granted).toEqual(['first', 'second', 'first again']);
  });

  it('waits for nobody who has given up waiting, though he was first', async () => {
    const process = new Process(10_000);
    const [here, there] = [process.worker(), process.worker()];
    const first = process.batch('a', 1, 8_000, here);
    const gone = process.batch('b', 1, 8_000, here);
    process.batch('c', 1, 8_000, there);
    gone();
    first();
    await process.clock.advance(25);
    expect(process.granted).toEqual(['a0', 'c0']);
  });
});

describe('windows of what does not run', () => {
  it('that nobody wants any more keep neither a place in the line nor memory', async () => {
    const process = new Process(10_000);
    const worker = process.worker();
    const start = process.budget.reserve({}, 4_000, process.clock.monotonicMs());
    const copies = ['a', 'b'].map((name) => process.claimant(name, 4_000));
    for (const copy of copies) worker.ask(copy);
    const next = {};
    const ask = () => process.budget.reserve(next, 4_000, process.clock.monotonicMs());
    expect(ask()).toBeUndefined();
    if (start !== undefined) process.budget.giveBack(start);
    process.budget.take(9_000);
    await process.clock.advance(25);
    expect([process.granted, process.budget.wantsRoom]).toEqual([[], true]);
    for (const copy of copies) worker.release(copy);
    expect(process.budget.wantsRoom).toBe(false);
    process.budget.release(9_000);
    expect(ask()?.bytes).toBe(4_000);
  });

  it('do not begin with the time that earlier ones have waited for records to leave', async () => {
    const process = new Process(10_000);
    const worker = process.worker();
    process.budget.take(9_000);
    const gone = process.claimant('gone', 4_000);
    worker.ask(gone);
    await process.clock.advance(1_900);
    worker.release(gone);
    worker.ask(process.claimant('next', 4_000));
    await process.clock.advance(1_900);
    expect(process.granted).toEqual([]);
    await process.clock.advance(200);
    expect(process.granted).toEqual(['next']);
  });
});
