import { open, readFile, rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Runs `action` while this process alone holds the lock file; a lock whose process is gone is taken over. */
export async function locked(path: string, action: () => Promise<void>): Promise<void> {
  for (;;) {
    const handle = await open(path, 'wx').catch((error: unknown) => {
      if (isCode(error, 'EEXIST')) return undefined;
      throw error;
    });
    if (handle !== undefined) {
      try {
        await handle.writeFile(String(process.pid));
        await handle.close();
        await action();
      } finally {
        await rm(path, { force: true });
      }
      return;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
    else await wait(200);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
