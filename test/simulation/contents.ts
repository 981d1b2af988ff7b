import type { Run } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { SharedBudget } from '../../src/worker/core/shared-budget.ts';
import type { Scenario } from './scenario.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** What tasks hold beside their records, as shares of the budget: most nothing, one of them more than there is. */
const shares = [0, 0, 0, 0.01, 0.1, 0.25, 0.4, 1.5] as const;

/** What a start of a task holds beside its record. */
function contentBytesOf({ contents, budgetBytes, seed }: Scenario, { offset, record }: Item): number {
  if (!contents) return 0;
  const mixed = Math.imul(offset * 131 + record.partition * 7 + seed, 0x9e3779b1) >>> 0;
  return Math.floor((shares[(mixed >>> 8) % shares.length] ?? 0) * budgetBytes);
}

/** The same, as a broken core is told. */
export function toldBytes(scenario: Scenario, item: Item): number {
  const bytes = contentBytesOf(scenario, item);
  return scenario.mutant === 'content-half-counted' ? bytes / 2 : bytes;
}

/** A start must leave what runs beside it its memory: together they have half of the budget, or one of them is alone. */
export function checkContents({ world, running }: SimulatedWorker, { item, partition }: Run): void {
  const { scenario, reference } = world;
  const own = contentBytesOf(scenario, item);
  if (own === 0) return;
  let others = 0;
  let isAlone = true;
  for (const run of running) {
    const bytes = contentBytesOf(scenario, run.item);
    others += bytes;
    if (bytes > scenario.budgetBytes / 64) isAlone = false;
  }
  const isLight = own <= scenario.budgetBytes / 64;
  world.count('content');
  if (isAlone || isLight || others + own <= scenario.budgetBytes / 2) return;
  reference.fail(
    `P11 bounds: @${item.offset} of ${partition.partition} started with ${own} bytes beside ${others} of ${scenario.budgetBytes}`,
  );
}

/** The budget of a process, or a broken one. */
export function budgetOf({ budgetBytes, mutant }: Scenario): SharedBudget {
  const budget = new SharedBudget(budgetBytes);
  const giveBack = budget.giveBack.bind(budget);
  if (mutant === 'content-given-back-late') {
    let last: Parameters<typeof giveBack>[0] | undefined;
    budget.giveBack = (reservation) => {
      if (last !== undefined) giveBack(last);
      last = reservation;
    };
  }
  return budget;
}

/** Nobody whose turn has come for memory is called. */
export function forgetWaiting({ world, core }: SimulatedWorker): void {
  if (world.scenario.mutant !== 'nobody-called-for-memory') return;
  core.state.memory.heavy.next = () => undefined;
}
