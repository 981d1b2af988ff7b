import { PART_OVERHEAD_BYTES } from '../../codec/part.ts';
import type { Producer } from '../producer.ts';
import type { AppendPart } from './uploader.ts';

/** Appends parts by the process's producer, each upload in a lane of its own. */
export function partAppends(producer: Producer): AppendPart {
  return (record, { topic, partition, upload, timeoutMs, signal, onLanded }) => {
    const bytes = record.value.length + PART_OVERHEAD_BYTES;
    return producer.add({
      topic,
      partition,
      laneKey: upload,
      id: upload,
      type: 'keylane part',
      sizeBytes: bytes,
      // Its task has room and waits for it; how many parts there are at once is the uploader's business.
      urgent: true,
      part: true,
      encode: () => ({ record, bytes }),
      onSettled: onLanded && ((fate) => typeof fate === 'object' && onLanded(fate.offset)),
      signal,
      timeoutMs,
    });
  };
}
