import type { Verdict } from '../../src/worker/core/effects.ts';
import { OUTAGE_MIN_KEYS } from '../../src/worker/core/outage.ts';
import type { Start } from './running-tasks.ts';
import { typeNamed } from './task-types.ts';
import { PROBE } from './worker-config.ts';
import type { World } from './world.ts';

/** A type as one process has seen it. */
interface Seen {
  /** Keys that have failed since something of the type succeeded. */
  readonly failing: Set<string>;
  running: number;
  /** It has said so. */
  down: boolean;
  /** What it has started since it said so, and when. */
  readonly probes: Map<string, number>;
}

/** Types whose handlers all fail: one process must say so in time, and from then on only probe, and give nothing up. */
export class OutageWatch {
  readonly #world: World;
  readonly #types = new Map<string, Seen>();
  /** A type that is to be said to be down by now. */
  #due: string | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  started(start: Start): void {
    const seen = this.#seen(start.type);
    seen.running += 1;
    if (!seen.down) return;
    const { nowMs } = this.#world;
    for (const [name, sinceMs] of seen.probes) {
      // One that hangs is not waited for without limit.
      if (nowMs - sinceMs < 2 * PROBE.maxMs)
        this.#fail(`${nameOf(start)} probed ${start.type} while ${name} did, for ${nowMs - sinceMs} ms`);
    }
    seen.probes.set(nameOf(start), nowMs);
  }

  /** The process hears of an end, and whether that end counts. */
  heardEnd(start: Start, verdict: Verdict | undefined, counts: boolean): void {
    const seen = this.#seen(start.type);
    seen.running -= 1;
    seen.probes.delete(nameOf(start));
    if (!counts) return;
    if (verdict === undefined || verdict.kind === 'discard') {
      seen.failing.clear();
    } else if (verdict.kind === 'retry' && verdict.delayMs === undefined && !seen.down) {
      seen.failing.add(start.key);
      if (seen.failing.size >= OUTAGE_MIN_KEYS && seen.failing.size > seen.running) this.#due = start.type;
    }
  }

  /** It has said all that it has to say of what it heard. */
  said(): void {
    if (this.#due !== undefined && !this.isDown(this.#due))
      this.#fail(`most keys of ${this.#due} have failed, and it is not said to be down`);
    this.#due = undefined;
  }

  began(type: string): void {
    const seen = this.#seen(type);
    if (seen.failing.size < OUTAGE_MIN_KEYS)
      this.#fail(`${type} was said to be down after ${seen.failing.size} keys have failed`);
    seen.down = true;
    seen.probes.clear();
  }

  ended(type: string): void {
    const seen = this.#seen(type);
    if (seen.failing.size > 0) this.#fail(`${type} was said to be up, and nothing of it has succeeded`);
    seen.down = false;
  }

  isDown(type: string): boolean {
    return this.#seen(type).down;
  }

  #seen(recorded: string): Seen {
    const { name } = typeNamed(this.#world.scenario.types, recorded);
    let seen = this.#types.get(name);
    if (seen === undefined) {
      seen = { failing: new Set(), running: 0, down: false, probes: new Map() };
      this.#types.set(name, seen);
    }
    return seen;
  }

  #fail(text: string): void {
    this.#world.reference.fail(`outage: ${text}`);
  }
}

function nameOf({ partition, offset }: Start): string {
  return `${partition}@${offset}`;
}
