import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { EventBody, LogEvent } from '../checker/events.ts';

/** Milliseconds of a clock that all processes of the machine share and that never jumps. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const SUFFIX = '.events';

/** Where one life of one process writes what it does: a line an event, on disk before the call returns. */
export class EventLog {
  readonly process: string;
  readonly #file: number;

  constructor(folder: string, process: string) {
    mkdirSync(folder, { recursive: true });
    this.process = process;
    this.#file = openSync(join(folder, `${process}${SUFFIX}`), 'a');
  }

  write(body: EventBody): void {
    const event: LogEvent = { at: monotonicMs(), process: this.process, ...body };
    writeSync(this.#file, `${JSON.stringify(event)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

interface Followed {
  readonly file: number;
  read: number;
  /** The beginning of a line whose end was not there yet; of a killed process it never comes. */
  rest: Buffer;
}

/** Reads the logs of a folder as they grow. */
export class LogFollower {
  readonly #folder: string;
  readonly #files = new Map<string, Followed>();
  readonly #chunk = Buffer.alloc(1 << 20);

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The events written since the last call; those of one process in its order. */
  next(): LogEvent[] {
    const events: LogEvent[] = [];
    for (const name of readdirSync(this.#folder)) {
      if (!name.endsWith(SUFFIX)) continue;
      let followed = this.#files.get(name);
      if (followed === undefined) {
        followed = { file: openSync(join(this.#folder, name), 'r'), read: 0, rest: Buffer.alloc(0) };
        this.#files.set(name, followed);
      }
      this.#readOn(followed, events);
    }
    return events;
  }

  close(): void {
    for (const { file } of this.#files.values()) closeSync(file);
    this.#files.clear();
  }

  #readOn(followed: Followed, events: LogEvent[]): void {
    const { size } = fstatSync(followed.file);
    while (followed.read < size) {
      const count = readSync(followed.file, this.#chunk, 0, this.#chunk.length, followed.read);
      if (count === 0) return;
      followed.read += count;
      const text = Buffer.concat([followed.rest, this.#chunk.subarray(0, count)]);
      const end = text.lastIndexOf(0x0a) + 1;
      followed.rest = Buffer.from(text.subarray(end));
      for (const line of text.subarray(0, end).toString('utf8').split('\n')) {
        if (line !== '') events.push(JSON.parse(line) as LogEvent); // written by EventLog
      }
    }
  }
}

/** Everything that the processes of a run have written. */
export function readEventLogs(folder: string): LogEvent[] {
  const follower = new LogFollower(folder);
  const events = follower.next();
  follower.close();
  return events;
}
