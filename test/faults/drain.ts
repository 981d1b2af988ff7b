import { setTimeout as wait } from 'node:timers/promises';
import type { CheckReport } from '../checker/check-history.ts';
import { monotonicMs } from './event-log.ts';
import type { World } from './world.ts';

/** Fewer kills park nothing. */
const CRASHES = 3;
const LOOK_MS = 500;
const WORKER_MS = 10_000;

/**
 * Every acked task was finished. A task that was killed from outside three times in a row is parked as one that ends its
 * process: such keys are redriven, as an operator would do it. To be called when nothing is killed any more. Rejects
 * when nothing more has been finished for `quietMs`, or a key is still parked so long after everything was.
 */
export async function drain(world: World, quietMs: number): Promise<void> {
  if (world.killCount < CRASHES) {
    await world.untilDrained(quietMs);
    return;
  }
  let isOver = false;
  const drained = world.untilDrained(quietMs).finally(() => {
    isOver = true;
  });
  const results = await Promise.allSettled([drained, redriveUntil(world, () => isOver)]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  await untilNoneParked(world, quietMs);
}

/** `parked after three kills, redriven`: what drain() had to do. */
export function redrivenFigure({ figures }: CheckReport): [name: string, figure: string] {
  return ['parked after three kills, redriven', String(figures.redriven)];
}

async function redriveUntil(world: World, isOver: () => boolean): Promise<void> {
  const begun = new Set<string>();
  while (!isOver()) {
    for (const mark of await crashLoops(world)) {
      const { partition, key, reason } = mark;
      const name = `${partition} ${mark.mark}`;
      if (begun.has(name)) continue;
      begun.add(name);
      const parkedAt = monotonicMs() - (Date.now() - mark.parkedAt.getTime());
      world.log.write({
        event: 'found-parked',
        partition,
        offset: Number(mark.from),
        key,
        reason,
        parkedAt,
      });
      world.say(`key ${key} is parked after three kills (${mark.id}) and is redriven`);
      await world.control().parked.redrive({ marks: [mark] }, { waitMs: WORKER_MS });
    }
    await wait(LOOK_MS);
  }
}

/** The end of a redrive is written after its last task has finished. */
async function untilNoneParked(world: World, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = await crashLoops(world);
    if (left.length === 0) return;
    const keys = left.map(({ key }) => key).join(', ');
    if (performance.now() > deadline) throw new Error(`redriven, and still parked: ${keys}`);
    await wait(LOOK_MS);
  }
}

async function crashLoops(world: World) {
  const { parked } = await world.control().parked.list();
  return parked.filter(({ reason }) => reason === 'crash-loop');
}
