import { setTimeout as wait } from 'node:timers/promises';
import type { Killing, Work } from './process-settings.ts';

export const EXIT_CODE = 99;

/** What a task does that ends its process, after it has worked for as long as others. */
export async function endProcess(how: Killing, { maxMs }: Work): Promise<void> {
  await wait(maxMs);
  switch (how) {
    case 'exit':
      process.exit(EXIT_CODE);
      break;
    case 'out of memory':
      fillMemory();
      break;
    case 'segmentation fault':
      process.kill(process.pid, 'SIGSEGV');
  }
  await wait(60_000);
}

/** What ended a process that ended so. */
export function killingOf(exit: {
  readonly code: number | null;
  readonly signal: string | null;
}): Killing | undefined {
  if (exit.code === EXIT_CODE) return 'exit';
  if (exit.signal === 'SIGSEGV') return 'segmentation fault';
  if (exit.signal === 'SIGABRT' || exit.code === 134) return 'out of memory';
  return undefined;
}

function fillMemory(): void {
  const kept: number[][] = [];
  for (;;) kept.push(Array.from({ length: 100_000 }, (_, i) => i + 0.5));
}
