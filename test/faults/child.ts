import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { bundleOf, type ProcessName } from './process-bundle.ts';
import {
  type ProducerOrder,
  type ProducerSettings,
  type QueueSettings,
  settingsEnvironment,
  type WorkerOrder,
  type WorkerSettings,
} from './process-settings.ts';

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process of a fault run. It ends with this one: its channel closes. */
export class Child {
  readonly life: string;
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  #running = true;

  constructor(name: ProcessName, settings: WorkerSettings | ProducerSettings | QueueSettings) {
    this.life = settings.life;
    mkdirSync(settings.folder, { recursive: true });
    const errors = openSync(join(settings.folder, `${settings.life}.stderr`), 'a');
    // A process that is to run out of memory does so soon.
    const heap = settings.heapMegabytes ?? ('killers' in settings ? 256 : undefined);
    const flags = ['--enable-source-maps'];
    if (heap !== undefined) flags.push(`--max-old-space-size=${heap}`);
    this.#process = spawn(process.execPath, [...flags, bundleOf(name)], {
      env: { ...process.env, ...settingsEnvironment(settings) },
      stdio: ['ignore', errors, errors, 'ipc'],
    });
    closeSync(errors);
    this.exited = once(this.#process, 'exit').then(([code, signal]: unknown[]) => {
      this.#running = false;
      return { code: code as number | null, signal: signal as string | null }; // as node:child_process says
    });
  }

  get running(): boolean {
    return this.#running;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** False when it was gone already. */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): boolean {
    return this.#running && this.#process.kill(signal);
  }

  send(message: ProducerOrder | WorkerOrder | 'end'): void {
    this.#process.send(message, () => undefined); // who has ended hears nothing more
  }

  /** Resolves with the next message; rejects when the process ends without one. */
  async message(): Promise<unknown> {
    const gone = this.exited.then(({ code, signal }) => {
      throw new Error(`${this.life} ended with ${code ?? signal}; see its .stderr file`);
    });
    const [message]: unknown[] = await Promise.race([once(this.#process, 'message'), gone]);
    return message;
  }
}
