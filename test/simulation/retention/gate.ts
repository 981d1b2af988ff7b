import type { Clock, Timer } from '../../../src/clock/clock.ts';

/** What a process hears passes through here: it may stand still (SIGSTOP), and it may be gone (SIGKILL). */
export class Gate {
  #state: 'open' | 'closed' | 'gone' = 'open';
  #waiting: (() => void)[] = [];
  #catchingUp = false;

  /** Now, or in its turn when the process goes on. */
  run(work: () => void): void {
    if (this.#state === 'open' && !this.#catchingUp) work();
    else if (this.#state !== 'gone') this.#waiting.push(work);
  }

  pass(): Promise<void> {
    return new Promise((resolve) => this.run(resolve));
  }

  close(): void {
    if (this.#state === 'open') this.#state = 'closed';
  }

  open(): void {
    if (this.#state !== 'closed') return;
    this.#state = 'open';
    if (!this.#catchingUp) void this.#catchUp();
  }

  /** One after the other: what an answer leads to comes before the next one, as it would have. */
  async #catchUp(): Promise<void> {
    this.#catchingUp = true;
    while (this.#state === 'open') {
      const work = this.#waiting.shift();
      if (work === undefined) break;
      work();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#catchingUp = false;
  }

  /** For good. */
  end(): void {
    this.#state = 'gone';
    this.#waiting = [];
  }
}

/** The time as a process sees it. */
export function gatedClock(clock: Clock, gate: Gate): Clock {
  return {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, callback): Timer => {
      let isCleared = false;
      const timer = clock.setTimer(delayMs, () =>
        gate.run(() => {
          if (!isCleared) callback();
        }),
      );
      return {
        clear: () => {
          isCleared = true;
          timer.clear();
        },
      };
    },
  };
}

type Method = (...given: readonly unknown[]) => unknown;

/** A client as a process has it: what it asks goes out only while the process runs, and so do the answers come in. */
export function gated<T extends object>(client: T, gate: Gate): T {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const method = value as Method; // one of the port's
      return (...given: readonly unknown[]): unknown => {
        // It is asked as the request goes out, and answers.
        if (name === 'deleteRecords') return asked(() => Reflect.apply(method, target, given), gate);
        const listened = given.map((one) =>
          typeof one === 'function' ? gatedListener(one as Method, gate) : one,
        );
        if (name === 'onReadable' || name === 'onProblem') return Reflect.apply(method, target, listened);
        return asked(() => Reflect.apply(method, target, listened), gate);
      };
    },
  });
}

async function asked(call: () => unknown, gate: Gate): Promise<unknown> {
  await gate.pass();
  try {
    return await call();
  } finally {
    await gate.pass();
  }
}

function gatedListener(listener: Method, gate: Gate): Method {
  return (...given) => gate.run(() => void listener(...given));
}
