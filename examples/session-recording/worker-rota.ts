import type { TaskQueue, Worker } from 'keylane';
import type { RecordingTasks } from './tasks.ts';
import { recordingWorker, type WorkerParts } from './worker.ts';

/** One worker on duty at a time, which can be replaced while tasks keep coming in. */
export class WorkerRota {
  readonly #queue: TaskQueue<RecordingTasks>;
  readonly #parts: Omit<WorkerParts, 'name'>;
  readonly #breakDown: (error: unknown) => void;
  #onDuty: Worker | undefined;
  #count = 0;
  #replacing: Promise<void> | undefined;
  /** Rejects when a worker fails for good. */
  readonly broken: Promise<never>;

  constructor(queue: TaskQueue<RecordingTasks>, parts: Omit<WorkerParts, 'name'>) {
    this.#queue = queue;
    this.#parts = parts;
    let breakDown: (error: unknown) => void = () => {};
    this.broken = new Promise((_resolve, reject) => {
      breakDown = reject;
    });
    this.broken.catch(() => {}); // whoever waits for it hears of it
    this.#breakDown = breakDown;
  }

  async start(): Promise<void> {
    this.#count += 1;
    const worker = recordingWorker(this.#queue, { ...this.#parts, name: `worker-${this.#count}` });
    this.#onDuty = worker;
    worker.done.catch(this.#breakDown);
    await worker.start();
  }

  /** Ends the worker on duty as a deploy would, and puts another in its place. */
  async replace(): Promise<void> {
    this.#replacing = this.#endOne().then(() => this.start());
    await this.#replacing;
  }

  /** Ends whoever is on duty, also one that is just taking over. */
  async stop(): Promise<void> {
    await this.#replacing?.catch(this.#breakDown);
    await this.#endOne();
  }

  async #endOne(): Promise<void> {
    const worker = this.#onDuty;
    this.#onDuty = undefined;
    await worker?.stop();
  }
}
