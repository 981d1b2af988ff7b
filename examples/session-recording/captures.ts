import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { RecordedEvent } from './tasks.ts';

/** A visit of a real browser, as its page posted it. */
export interface Capture {
  readonly name: string;
  readonly description: string;
  readonly chunks: readonly { readonly sequence: number; readonly events: readonly RecordedEvent[] }[];
}

export const capturesDir = fileURLToPath(new URL('./captures/', import.meta.url));

/** The captures of this folder, by name. */
export async function readCaptures(): Promise<readonly Capture[]> {
  const files = (await readdir(capturesDir)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    // Written by capture.ts and checked in: not input from outside.
    files.map(async (file) => JSON.parse(await readFile(`${capturesDir}${file}`, 'utf8')) as Capture),
  );
}
