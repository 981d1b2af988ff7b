import { readdir, writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

/** What wants the same processor gets nine times as much of it. */
const NICENESS = 10;

/** Leaves the processors to whatever else wants them, from now on. On Linux niceness is a matter of each thread. */
export async function yieldProcessors(pid: number): Promise<void> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [pid]);
  for (const thread of threads) {
    try {
      setPriority(Number(thread), NICENESS);
    } catch {
      // It has ended.
    }
  }
  await yieldAsSession(pid);
}

/** Where the kernel shares processors out between sessions first, a thread's niceness counts within its session only. */
async function yieldAsSession(pid: number): Promise<void> {
  for (;;) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(NICENESS));
      return;
    } catch (error) {
      // The kernel takes one such order in a tenth of a second. Any other failure: there are no such sessions here.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // as node:fs says
      await wait(100);
    }
  }
}
