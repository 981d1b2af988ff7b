import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file beside the logs makes a task fail, in whatever process, until it is gone. `call` = the producer's call. */
function flagOf(folder: string, call: number): string {
  return join(folder, `poison-${call}`);
}

export function poison(folder: string, call: number): void {
  writeFileSync(flagOf(folder, call), '');
}

export function cure(folder: string, call: number): void {
  rmSync(flagOf(folder, call));
}

export function isPoisoned(folder: string, call: number): boolean {
  return existsSync(flagOf(folder, call));
}
