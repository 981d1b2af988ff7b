import type { Emitter } from '../telemetry/emitter.ts';
import type { Moment, WorkerCore } from './core/worker-core.ts';
import type { WorkerEvents } from './worker-events.ts';

/** How the parts of the engine speak to the core. */
export interface EngineLink {
  readonly core: WorkerCore;
  readonly events: Emitter<WorkerEvents>;
  /** Tells the core something, and carries out what it says to that. Never throws. */
  readonly tell: (event: (at: Moment) => void) => void;
  /** For work that only the end of the worker waits for. */
  readonly inBackground: (work: Promise<unknown>) => void;
}

export function emitProblem(events: Emitter<WorkerEvents>, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  events.emit('problem', { failure: { kind: 'other', code: undefined, message } });
}
