import { readParkedCopy } from '../../../src/codec/parked-copy.ts';
import type { Mark } from '../../../src/journal/journal.ts';
import type { IncomingRecord } from '../../../src/kafka/port.ts';

interface Place {
  readonly group: string;
  readonly partition: number;
}

/** The source offsets of what a group has parked under these marks, as whoever reads the parked topic finds it. */
export function parkedOffsets(
  records: readonly IncomingRecord[],
  { group, partition }: Place,
  marks: readonly Mark[],
): ReadonlySet<number> {
  const offsets = new Set<number>();
  const last = new Map(marks.map(({ id }) => [id, -1]));
  for (const record of records) {
    const copy = readParkedCopy(record);
    if (copy?.group !== group || copy.partition !== partition) continue;
    const before = last.get(copy.mark);
    // What is copied once more is passed over, and what has lost the one before it.
    if (before === undefined || copy.offset <= before || copy.previous > before) continue;
    last.set(copy.mark, copy.offset);
    offsets.add(copy.offset);
  }
  return offsets;
}
