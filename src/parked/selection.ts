import { byAge, type MarkRef, type ParkedMark } from './parked-mark.ts';

/** Which parked marks are meant; all that is given must fit. */
export interface ParkedFilter {
  readonly key?: string | undefined;
  /** The type of the task that was parked first. */
  readonly type?: string | undefined;
  /** The id of the task that was parked first. */
  readonly id?: string | undefined;
  /** Parked earlier than this. */
  readonly before?: Date | undefined;
  /** Parked at this time or later. */
  readonly after?: Date | undefined;
}

/** What a redrive or discard is for. Everything only when it says so. */
export type ParkedSelection =
  | (ParkedFilter & { readonly marks?: undefined; readonly all?: undefined })
  /** What `list` returned, or parts of it. */
  | { readonly marks: readonly MarkRef[]; readonly all?: undefined }
  | { readonly all: true; readonly marks?: undefined };

/** What was selected, and names that nothing is parked under. */
export interface Selected {
  readonly found: readonly ParkedMark[];
  readonly missing: readonly MarkRef[];
}

export function fits(mark: ParkedMark, filter: ParkedFilter): boolean {
  const { key, type, id, before, after } = filter;
  return (
    (key === undefined || mark.key === key) &&
    (type === undefined || mark.type === type) &&
    (id === undefined || mark.id === id) &&
    (before === undefined || mark.parkedAt < before) &&
    (after === undefined || mark.parkedAt >= after)
  );
}

export function select(
  marks: readonly ParkedMark[],
  selection: ParkedFilter & { readonly marks?: readonly MarkRef[] | undefined },
): Selected {
  if (selection.marks === undefined) {
    return { found: marks.filter((mark) => fits(mark, selection)), missing: [] };
  }
  const byName = new Map(marks.map((mark) => [nameOf(mark), mark]));
  const wanted = new Map(selection.marks.map((ref) => [nameOf(ref), ref]));
  const found: ParkedMark[] = [];
  const missing: MarkRef[] = [];
  for (const [name, ref] of wanted) {
    const mark = byName.get(name);
    if (mark === undefined) missing.push(ref);
    else found.push(mark);
  }
  return { found: found.sort(byAge), missing };
}

function nameOf({ partition, mark }: MarkRef): string {
  return `${partition}/${mark}`;
}

/** Some marks, oldest first, and where the next ones begin. */
export interface ParkedPage {
  readonly parked: readonly ParkedMark[];
  /** Pass it as `cursor` for what follows; undefined: that was all. */
  readonly next: string | undefined;
}

/** The first `limit` marks behind a cursor. A cursor stays good while marks come and go. */
export function pageOf(
  marks: readonly ParkedMark[],
  { limit, cursor }: { readonly limit: number; readonly cursor: Cursor | undefined },
): ParkedPage {
  const sorted = [...marks].sort(byAge);
  const rest = cursor === undefined ? sorted : sorted.filter((mark) => isBehind(mark, cursor));
  const parked = rest.slice(0, limit);
  const last = parked.at(-1);
  return { parked, next: last === undefined || rest.length <= limit ? undefined : writeCursor(last) };
}

/** The mark that a page ended with. */
export interface Cursor extends MarkRef {
  readonly atMs: number;
}

function writeCursor({ parkedAt, partition, mark }: ParkedMark): string {
  return `${parkedAt.getTime()}.${partition}.${mark}`;
}

/** undefined: not one of ours. */
export function readCursor(text: string): Cursor | undefined {
  const [, at, partition, mark] = /^(\d{1,16})\.(\d{1,16})\.(\d{1,16})$/.exec(text) ?? [];
  return mark === undefined
    ? undefined
    : { atMs: Number(at), partition: Number(partition), mark: Number(mark) };
}

function isBehind({ parkedAt, partition, mark }: ParkedMark, cursor: Cursor): boolean {
  const order = parkedAt.getTime() - cursor.atMs || partition - cursor.partition || mark - cursor.mark;
  return order > 0;
}
