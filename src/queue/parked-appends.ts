import { recordBytes } from '../codec/envelope.ts';
import type { Producer } from '../producer/producer.ts';
import type { AppendParked } from '../worker/parking-io.ts';

/** A copy is worth waiting for through a broker's failover. */
const COPY_TIMEOUT_MS = 60_000;

/** Appends to the parked topic by the process's producer. The copies' bytes are counted by the worker that holds them. */
export function parkedAppends(producer: Producer, topic: string): AppendParked {
  return ({ partition, lane, id, record }) => {
    const bytes = recordBytes(record);
    return producer.add({
      topic,
      partition,
      laneKey: lane,
      id,
      type: 'keylane parked copy',
      sizeBytes: bytes,
      urgent: true,
      encode: () => ({ record, bytes }),
      timeoutMs: COPY_TIMEOUT_MS,
    });
  };
}
