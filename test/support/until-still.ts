import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

const LOOK_MS = 2;
const LONGEST_MS = 30_000;

/**
 * Resolves when a process that was sent SIGSTOP stands still. Each of its threads stops by itself, when the kernel next
 * looks at it: on a busy machine one may answer a request after the signal was sent.
 */
export async function untilStill(pid: number): Promise<void> {
  const deadline = performance.now() + LONGEST_MS;
  while ((await statesOfThreads(pid)).some((state) => state !== 'T')) {
    if (performance.now() > deadline)
      throw new Error(`process ${pid} does not stand still: was it told to go on?`);
    await wait(LOOK_MS);
  }
}

/** None where the kernel does not tell, or the process has ended. */
async function statesOfThreads(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lines = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ''));
  // "42 (name, with anything in it) T ...": Z and X are threads that have ended.
  const states = (await Promise.all(lines)).map((line) => line[line.lastIndexOf(')') + 2]);
  return states.filter((state) => state !== undefined && state !== 'Z' && state !== 'X') as string[];
}
