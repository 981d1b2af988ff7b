/**
 * What is wrong now, and when each of it was told last: when it begins, and then again once in a while. What is over is
 * forgotten.
 */
export class ReportBook<T> {
  readonly #repeatMs: number;
  readonly #nameOf: (what: T) => string;
  #known = new Map<string, { readonly what: T; readonly toldAtMs: number }>();

  constructor(repeatMs: number, nameOf: (what: T) => string) {
    this.#repeatMs = repeatMs;
    this.#nameOf = nameOf;
  }

  /** Those of all there is now that are to be told. */
  due(found: readonly T[], nowMs: number): readonly T[] {
    return found.filter((what) => {
      const known = this.#known.get(this.#nameOf(what));
      return known === undefined || nowMs - known.toldAtMs >= this.#repeatMs;
    });
  }

  /** That is all there is now; some of it was just told, in these words. */
  note(found: readonly T[], told: readonly T[], nowMs: number): void {
    const toldOf = new Map(told.map((what) => [this.#nameOf(what), what]));
    const before = this.#known;
    this.#known = new Map(
      found.map((what) => {
        const name = this.#nameOf(what);
        const now = toldOf.get(name);
        if (now !== undefined) return [name, { what: now, toldAtMs: nowMs }];
        const known = before.get(name);
        if (known === undefined) return [name, { what, toldAtMs: nowMs }];
        return [name, { what, toldAtMs: known.toldAtMs }];
      }),
    );
  }

  get current(): readonly T[] {
    return [...this.#known.values()].map(({ what }) => what);
  }
}
