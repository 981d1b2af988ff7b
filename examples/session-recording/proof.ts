import { createHash } from 'node:crypto';
import type { Capture } from './captures.ts';
import type { HandlingEntry } from './handling-log.ts';
import type { StoredLine } from './stored-lines.ts';
import type { RecordedEvent } from './tasks.ts';

/** What was found of one recording, against the capture it was fed from. */
export interface Verdict {
  readonly name: string;
  readonly chunksSent: number;
  readonly chunksStored: number;
  readonly eventsSent: number;
  readonly eventsStored: number;
  readonly hashSent: string;
  readonly hashStored: string;
  /** Numbers of chunks that are not in storage. */
  readonly missing: readonly number[];
  /** Numbers of chunks that are there more than once. */
  readonly doubled: readonly number[];
  /** Stored and handled by ascending number, one at a time. */
  readonly inOrder: boolean;
  /** The end of the recording is stored, once, and as its last line. */
  readonly finished: boolean;
  readonly failures: number;
  /** Runs beyond the first of a task. */
  readonly reRuns: number;
  /** Re-runs that found their chunk stored and left it at that. */
  readonly repeatsRefused: number;
  readonly proved: boolean;
}

/** Judges one recording by what lies in its file and by the log of the handlers. */
export function judge(
  capture: Capture,
  lines: readonly StoredLine[],
  handled: readonly HandlingEntry[],
): Verdict {
  const stored = lines.flatMap((line) => (line.kind === 'chunk' ? [line] : []));
  const sequences = stored.map((line) => line.sequence);
  const sent = capture.chunks.map((chunk) => chunk.sequence);
  const eventsSent = capture.chunks.flatMap((chunk) => chunk.events);
  const eventsStored = stored.flatMap((line) => line.events);
  const hashSent = hashOf(eventsSent);
  const hashStored = hashOf(eventsStored);
  const missing = sent.filter((sequence) => !sequences.includes(sequence));
  const doubled = [...new Set(sequences.filter((sequence, at) => sequences.indexOf(sequence) !== at))];
  const inOrder = ascending(sequences) && handledInOrder(handled);
  const finished =
    lines.filter((line) => line.kind === 'finished').length === 1 && lines.at(-1)?.kind === 'finished';
  return {
    name: capture.name,
    chunksSent: sent.length,
    chunksStored: stored.length,
    eventsSent: eventsSent.length,
    eventsStored: eventsStored.length,
    hashSent,
    hashStored,
    missing,
    doubled,
    inOrder,
    finished,
    failures: handled.filter((entry) => entry.outcome === 'failed').length,
    reRuns: handled.length - new Set(handled.map((entry) => entry.id)).size,
    repeatsRefused: handled.filter((entry) => entry.outcome === 'already-stored').length,
    proved: missing.length === 0 && doubled.length === 0 && inOrder && finished && hashSent === hashStored,
  };
}

/** A hash of the events and of their order. */
function hashOf(events: readonly RecordedEvent[]): string {
  const hash = createHash('sha256');
  for (const event of events) hash.update(`${JSON.stringify(event)}\n`);
  return hash.digest('hex');
}

/** Never two runs at once, and each chunk's first success after that of the chunk before. */
function handledInOrder(handled: readonly HandlingEntry[]): boolean {
  if (handled.some((entry) => entry.overlapped)) return false;
  const succeeded = new Map<string, number>();
  for (const entry of handled) {
    // The end of a recording comes after all of its chunks.
    if (entry.outcome !== 'failed' && !succeeded.has(entry.id)) {
      succeeded.set(entry.id, entry.sequence ?? Number.POSITIVE_INFINITY);
    }
  }
  return ascending([...succeeded.values()]);
}

/** Doubled numbers are another defect and do not count here. */
function ascending(numbers: readonly number[]): boolean {
  return numbers.every((number, at) => at === 0 || number >= (numbers[at - 1] ?? 0));
}
