import { mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  indexLine,
  newIndex,
  parseStoredLines,
  type RecordingIndex,
  type StoredLine,
} from './stored-lines.ts';
import type { RecordedEvent } from './tasks.ts';

/** Who writes: the task's id, and the number of the taking of its partition by which a stale worker is told. */
export interface Writer {
  readonly id: string;
  readonly fencingToken: bigint;
}

export interface RecordingSummary {
  readonly sessionId: string;
  readonly chunks: number;
  readonly events: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** The page was left and every chunk it counted is stored. */
  readonly complete: boolean;
}

/** Appends bytes to a file and returns once they are on the disk. Replaced by tests of the proof. */
export type AppendToFile = (path: string, text: string) => Promise<void>;

/** A worker that lost the partition tries to write behind its successor's back. */
export class StaleWriterError extends Error {
  override readonly name = 'StaleWriterError';
}

/** How many recordings' indexes are kept; one more is read again from its file. */
const INDEXES_KEPT = 500;

/**
 * One NDJSON file per recording, its lines in the order they were handed over. A task that is run again is found by its
 * id and not stored twice; a writer with an older fencing token than the last one is refused.
 *
 * A file system cannot check and append in one step. Within a process the queue runs one task of a recording at a time,
 * so nothing comes in between; several processes would want a database that makes both one statement.
 */
export class RecordingStore {
  readonly #dir: string;
  readonly #append: AppendToFile;
  readonly #indexes = new Map<string, RecordingIndex>();

  constructor(dir: string, append: AppendToFile = appendDurably) {
    this.#dir = dir;
    this.#append = append;
  }

  async open(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
  }

  /** Stores a chunk once. `already-stored` is what a repeated run of its task gets. */
  async appendChunk(
    chunk: {
      readonly sessionId: string;
      readonly sequence: number;
      readonly events: readonly RecordedEvent[];
    },
    writer: Writer,
  ): Promise<'stored' | 'already-stored'> {
    const { sessionId, sequence, events } = chunk;
    return this.#write(sessionId, {
      kind: 'chunk',
      id: writer.id,
      fencingToken: String(writer.fencingToken),
      sequence,
      events,
    });
  }

  /** Stores that the page was left after `chunks` chunks. */
  async finish(
    end: { readonly sessionId: string; readonly chunks: number },
    writer: Writer,
  ): Promise<'stored' | 'already-stored'> {
    return this.#write(end.sessionId, {
      kind: 'finished',
      id: writer.id,
      fencingToken: String(writer.fencingToken),
      chunks: end.chunks,
    });
  }

  async list(): Promise<readonly RecordingSummary[]> {
    const files = (await readdir(this.#dir)).filter((file) => file.endsWith('.ndjson'));
    const summaries: RecordingSummary[] = [];
    for (const file of files) {
      const sessionId = file.slice(0, -'.ndjson'.length);
      const index = await this.#index(sessionId);
      if (index.chunkCount === 0) continue;
      summaries.push({
        sessionId,
        chunks: index.chunkCount,
        events: index.eventCount,
        startedAt: index.startedAt,
        endedAt: index.endedAt,
        complete: index.finishedAfter === index.chunkCount,
      });
    }
    return summaries.sort((a, b) => b.startedAt - a.startedAt);
  }

  /** What is in a recording's file, line by line; nothing for an unknown recording. */
  async readLines(sessionId: string): Promise<readonly StoredLine[]> {
    return parseStoredLines(await readText(this.pathOf(sessionId)));
  }

  pathOf(sessionId: string): string {
    return join(this.#dir, `${sessionId}.ndjson`);
  }

  async #write(sessionId: string, line: StoredLine): Promise<'stored' | 'already-stored'> {
    const path = this.pathOf(sessionId);
    const index = await this.#index(sessionId);
    if (BigInt(line.fencingToken) < index.lastToken) {
      throw new StaleWriterError(
        `${line.id}: this worker took the partition as ${line.fencingToken}, but ${index.lastToken} has written since. ` +
          `Nothing was stored.`,
      );
    }
    if (index.ids.has(line.id)) return 'already-stored';
    if (index.tornBytes > 0) await truncateTo(path, index.sizeBytes);
    const text = `${JSON.stringify(line)}\n`;
    await this.#append(path, text);
    indexLine(index, line);
    index.sizeBytes += Buffer.byteLength(text);
    index.tornBytes = 0;
    return 'stored';
  }

  /** The index of a recording, read anew when somebody else has written since. */
  async #index(sessionId: string): Promise<RecordingIndex> {
    const path = this.pathOf(sessionId);
    const known = this.#indexes.get(path);
    const sizeBytes = await fileSize(path);
    const index =
      known !== undefined && known.sizeBytes + known.tornBytes === sizeBytes ? known : await readIndex(path);
    this.#indexes.delete(path);
    this.#indexes.set(path, index);
    const oldest = this.#indexes.size > INDEXES_KEPT ? this.#indexes.keys().next().value : undefined;
    if (oldest !== undefined) this.#indexes.delete(oldest);
    return index;
  }
}

async function readIndex(path: string): Promise<RecordingIndex> {
  const text = await readText(path);
  const index = newIndex();
  // A line without its end is what a crash in the middle of a write leaves; its task was not finished and runs again.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  for (const line of parseStoredLines(whole)) indexLine(index, line);
  index.sizeBytes = Buffer.byteLength(whole);
  index.tornBytes = Buffer.byteLength(text) - index.sizeBytes;
  return index;
}

/** Appends, and returns once a power cut could not take it back. */
export async function appendDurably(path: string, text: string): Promise<void> {
  const isNew = (await fileSize(path)) === 0;
  const file = await open(path, 'a');
  try {
    await file.appendFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  if (isNew) await syncDirectoryOf(path);
}

/** A new file's name is durable only with its directory. */
async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(join(path, '..'), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function truncateTo(path: string, sizeBytes: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(sizeBytes);
  } finally {
    await file.close();
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

async function fileSize(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
