import type { RecordedEvent } from './tasks.ts';

/** One line of a recording's file. The token is text because JSON has no bigint. */
export type StoredLine =
  | {
      readonly kind: 'chunk';
      readonly id: string;
      readonly fencingToken: string;
      readonly sequence: number;
      readonly events: readonly RecordedEvent[];
    }
  | {
      readonly kind: 'finished';
      readonly id: string;
      readonly fencingToken: string;
      readonly chunks: number;
    };

/** What must be known of a recording to append to it and to list it, without its events. */
export interface RecordingIndex {
  readonly ids: Set<string>;
  lastToken: bigint;
  chunkCount: number;
  eventCount: number;
  startedAt: number;
  endedAt: number;
  /** The number of chunks its page counted, once it said so. */
  finishedAfter: number | undefined;
  /** Bytes of whole lines. */
  sizeBytes: number;
  /** Bytes of an unfinished last line. */
  tornBytes: number;
}

export function newIndex(): RecordingIndex {
  return {
    ids: new Set(),
    lastToken: -1n,
    chunkCount: 0,
    eventCount: 0,
    startedAt: Number.POSITIVE_INFINITY,
    endedAt: 0,
    finishedAfter: undefined,
    sizeBytes: 0,
    tornBytes: 0,
  };
}

export function indexLine(index: RecordingIndex, line: StoredLine): void {
  index.ids.add(line.id);
  const token = BigInt(line.fencingToken);
  if (token > index.lastToken) index.lastToken = token;
  if (line.kind === 'finished') {
    index.finishedAfter = line.chunks;
    return;
  }
  index.chunkCount += 1;
  index.eventCount += line.events.length;
  for (const event of line.events) {
    index.startedAt = Math.min(index.startedAt, event.timestamp);
    index.endedAt = Math.max(index.endedAt, event.timestamp);
  }
}

/** The whole lines of a file's text; an unfinished last one is left out. */
export function parseStoredLines(text: string): readonly StoredLine[] {
  const lines = text.split('\n');
  lines.pop(); // what follows the last line end: nothing, or a line a crash left unfinished
  return lines.map((line) => JSON.parse(line) as StoredLine); // written by this store alone
}
