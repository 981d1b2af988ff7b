import type { IncomingRecord, Reader } from '../../src/kafka/port.ts';

type Records = readonly IncomingRecord[];

/** A reader that hands out what becomes of another one's records. */
export function readThrough(reader: Reader, pass: (records: Records) => Records | Promise<Records>): Reader {
  return {
    assign: (positions) => reader.assign(positions),
    unassign: (partitions) => reader.unassign(partitions),
    pause: (partitions) => reader.pause(partitions),
    resume: (partitions) => reader.resume(partitions),
    onReadable: (listener) => reader.onReadable(listener),
    onProblem: (listener) => reader.onProblem(listener),
    close: () => reader.close(),
    poll: async (maxRecords) => pass(await reader.poll(maxRecords)),
  };
}
