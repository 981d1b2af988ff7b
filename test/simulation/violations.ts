const MOST = 20;

/** What was found to be wrong in a schedule. */
export class Violations {
  readonly list: string[] = [];

  fail(text: string): void {
    if (this.list.length < MOST) this.list.push(text);
  }
}
