import type { Clock } from './clock.ts';

/**
 * Whether the work ends before so long is over, for what must not be waited for without end. Rejects as the work does
 * while it is waited for; what becomes of it later is unheard.
 */
export function endsWithin(work: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(timeoutMs, () => resolve(false));
    const ended = (): void => timer.clear();
    work.finally(ended).then(() => resolve(true), reject);
  });
}
