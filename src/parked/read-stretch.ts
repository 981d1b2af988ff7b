import { TopicUnreadableError } from '../errors/parked-errors.ts';
import type { IncomingRecord, TopicPartition } from '../kafka/port.ts';
import type { Control } from './control.ts';
import { RecordStream } from './record-stream.ts';

/** Records held at once: the largest is 0.9 MB. */
const POLL_COUNT = 16;
const PATIENCE_MS = 30_000;

/**
 * The records of a partition between two offsets, the latter not among them, with a reader of its own.
 *
 * @throws TopicUnreadableError when nothing comes for 30 s; the signal's reason.
 */
export async function* readStretch(
  control: Control,
  { from, end, ...at }: TopicPartition & { readonly from: number; readonly end: number },
  signal: AbortSignal,
): AsyncGenerator<IncomingRecord, void, undefined> {
  if (from >= end) return;
  const { clock } = control.deps;
  const reader = await control.openReader('parked');
  try {
    const stream = new RecordStream(reader, clock);
    await reader.assign([{ ...at, offset: from }]);
    let next = from;
    while (next < end) {
      const records = await stream.next(POLL_COUNT, clock.monotonicMs() + PATIENCE_MS, signal);
      if (records.length === 0)
        throw new TopicUnreadableError(at.topic, `offset ${next} of partition ${at.partition}`);
      for (const record of records) {
        next = record.offset + 1;
        if (next <= end) yield record;
      }
    }
  } finally {
    await control.closeReader(reader);
  }
}
