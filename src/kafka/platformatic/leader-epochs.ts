/**
 * The newest leader of each partition that any broker has told of, by its epoch. A broker that was cut off from the others, or
 * stood still, tells of a leader that has been replaced, and nothing in its answer shows that: only another broker knows.
 */
export class LeaderEpochs {
  /** By topic id: the epochs of a topic that was made anew begin at 0 again. */
  readonly #newest = new Map<string, number>();

  /** Takes note of what a broker tells; false when a newer leader is known. A negative epoch tells nothing. */
  isNewest(place: { readonly topic: string; readonly partition: number }, epoch: number): boolean {
    if (epoch < 0) return true;
    const name = `${place.topic}/${place.partition}`;
    const known = this.#newest.get(name) ?? -1;
    if (epoch > known) this.#newest.set(name, epoch);
    return epoch >= known;
  }
}
