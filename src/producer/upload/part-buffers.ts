/**
 * The buffers that parts of streams are gathered in, used again and again: made anew for each part, what is not collected
 * yet would be several times what is on its way.
 */
export class PartBuffers {
  readonly #made = new WeakSet<Buffer>();
  #free: Buffer[] = [];
  /**
   * What was free when nobody used any: for the next upload, unless the memory is reclaimed first. New buffers are memory
   * outside of V8's heap, and a few of them make it collect garbage.
   */
  #left: WeakRef<Buffer>[] = [];
  #usersCount = 0;

  /** A buffer with anything in it. */
  take(bytes: number): Buffer {
    const at = this.#free.findIndex(({ length }) => length === bytes);
    const [free] = at < 0 ? [] : this.#free.splice(at, 1);
    if (free !== undefined) return free;
    const made = Buffer.allocUnsafeSlow(bytes);
    this.#made.add(made);
    return made;
  }

  /** Nobody looks at the part any more. What was not taken from here, such as a piece of a caller's buffer, is left alone. */
  giveBack(part: Buffer): void {
    if (this.#usersCount > 0 && this.#made.has(part)) this.#free.push(part);
  }

  /** Buffers are kept for as long as anyone uses them. Returns what is to be called at the end. */
  use(): () => void {
    this.#usersCount += 1;
    this.#free.push(...this.#left.splice(0).flatMap((left) => left.deref() ?? []));
    return () => {
      this.#usersCount -= 1;
      if (this.#usersCount === 0) this.#left = this.#free.splice(0).map((free) => new WeakRef(free));
    };
  }
}
