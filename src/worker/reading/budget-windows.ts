import type { Clock } from '../../clock/clock.ts';
import type { Reservation, SharedBudget } from '../core/shared-budget.ts';
import type { Claimant, WindowMemory } from './part-reserve.ts';

/** Memory for windows from what all workers of the process share. */
export class BudgetWindows implements WindowMemory {
  readonly #budget: SharedBudget;
  readonly #clock: Clock;
  readonly #taken = new Map<Claimant, Reservation>();

  constructor(budget: SharedBudget, clock: Clock) {
    this.#budget = budget;
    this.#clock = clock;
  }

  take(claimant: Claimant): boolean {
    const { windowBytes, isRunning } = claimant;
    const reservation = isRunning
      ? this.#budget.extend(windowBytes)
      : this.#budget.reserve(this, windowBytes, this.#clock.monotonicMs());
    if (reservation === undefined) return false;
    this.#taken.set(claimant, reservation);
    return true;
  }

  giveBack(claimant: Claimant): void {
    const reservation = this.#taken.get(claimant);
    if (reservation === undefined) return;
    this.#taken.delete(claimant);
    this.#budget.giveBack(reservation);
  }
}
