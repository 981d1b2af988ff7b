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
    const { windowBytes: bytes, attempt } = claimant;
    const nowMs = this.#clock.monotonicMs();
    const reservation =
      attempt === undefined
        ? this.#budget.reserve(claimant, bytes, nowMs)
        : this.#budget.extend({ who: claimant, attempt, bytes }, nowMs);
    if (reservation === undefined) return false;
    this.#taken.set(claimant, reservation);
    return true;
  }

  withdraw(claimant: Claimant): void {
    this.#budget.withdraw(claimant);
  }

  giveBack(claimant: Claimant): void {
    const reservation = this.#taken.get(claimant);
    if (reservation === undefined) return;
    this.#taken.delete(claimant);
    this.#budget.giveBack(reservation);
  }
}
