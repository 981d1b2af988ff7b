import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { expect, it } from 'vitest';
import { yieldProcessors } from './yield-processors.ts';

it('a process and its session leave the processors to others', async () => {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  try {
    const pid = child.pid ?? 0;
    await yieldProcessors(pid);
    // Whoever runs the tests may be as humble already.
    const own = Math.max(10, getPriority());
    expect(getPriority(pid)).toBe(own);
    expect(sessionOf(pid)).toMatch(/nice 1\d$|^none$/);
  } finally {
    child.kill('SIGKILL');
  }
});

function sessionOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/autogroup`, 'latin1').trim();
  } catch {
    return 'none';
  }
}
