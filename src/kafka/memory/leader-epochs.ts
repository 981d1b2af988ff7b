/** Which leader appended what, of one log: the offset at which each begins, as brokers keep it. */
export class LeaderEpochs {
  #begins: { readonly epoch: number; readonly at: number }[] = [{ epoch: 0, at: 0 }];

  get present(): number {
    return this.#begins.at(-1)?.epoch ?? 0;
  }

  /** Another leader begins where the log ends. Leaders that appended nothing leave no trace. */
  elect(end: number): void {
    const epoch = this.present + 1;
    this.#begins = [...this.#begins.filter(({ at }) => at < end), { epoch, at: end }];
  }

  /** Of those whose records are all gone nothing is known but that they were. */
  startAt(start: number): void {
    const kept = this.#begins.findLastIndex(({ at }) => at <= start);
    this.#begins = this.#begins
      .slice(Math.max(0, kept))
      .map(({ epoch, at }) => ({ epoch, at: Math.max(at, start) }));
  }

  /** See `Admin.leaderEnds`; `end`: of the log. */
  endOf(epoch: number, end: number): number | undefined {
    if (epoch > this.present) return undefined;
    return this.#begins.find((begin) => begin.epoch > epoch)?.at ?? end;
  }
}
