import type { API } from '@platformatic/kafka';
import type { Clock } from '../../clock/clock.ts';
import type { KafkaFailure } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import { abandon, type BrokerConnections } from './broker-connections.ts';
import { classifyFailure } from './classify-failure.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { Library } from './library.ts';

/** An open connection to one broker. */
export type Connection = Awaited<ReturnType<BrokerConnections['any']>>;

/**
 * How long a passing condition of the cluster is sat out. A dead broker is fenced after 9 s (broker.session.timeout.ms),
 * its partitions get new leaders after that. Kafka's own admin client: default.api.timeout.ms.
 */
const TRANSIENT_DEADLINE_MS = 60_000;

const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 1_000;

/** What one attempt works with. */
export interface Attempt {
  readonly library: Library;
  readonly connections: BrokerConnections;
  readonly epochs: LeaderEpochs;
}

/** Runs requests: bounded in time, retried while the failure can pass, every failure typed. */
export class Requests {
  readonly #attempt: Attempt;
  readonly #clock: Clock;
  readonly #connectTimeoutMs: number;
  readonly #whenClosed: Promise<'closed'>;
  #close: () => void = () => undefined;
  #closed = false;

  constructor(attempt: Attempt, clock: Clock, connectTimeoutMs: number) {
    this.#attempt = attempt;
    this.#clock = clock;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#whenClosed = new Promise((resolve) => {
      this.#close = () => resolve('closed');
    });
  }

  /**
   * Runs `body` until it succeeds, fails for good, or its time is up: the connect timeout while no broker answers, a minute
   * while the cluster is electing, loading or moving something, and never longer than `limitMs`. `body` may run several
   * times.
   *
   * @throws KafkaRequestError
   */
  async run<T>(
    what: string,
    body: (attempt: Attempt) => Promise<T>,
    limitMs = Math.max(TRANSIENT_DEADLINE_MS, this.#connectTimeoutMs),
  ): Promise<T> {
    const startMs = this.#clock.monotonicMs();
    const endMs = startMs + limitMs;
    let backoffMs = FIRST_BACKOFF_MS;
    let previous: unknown;
    for (;;) {
      if (this.#closed) throw new KafkaRequestError(what, closedFailure);
      this.#attempt.connections.takeTroubles();
      const outcome = await this.#once(body, endMs, previous);
      if (outcome.kind === 'done') return outcome.value;
      const { failure, error } = outcome;
      const giveUpMs = Math.min(endMs, startMs + this.#limitMs(failure));
      await this.#sleep(Math.min(backoffMs, giveUpMs - this.#clock.monotonicMs()));
      if (this.#clock.monotonicMs() >= giveUpMs) throw new KafkaRequestError(what, failure, error);
      previous = error;
      backoffMs = Math.min(backoffMs * 2, LONGEST_BACKOFF_MS);
    }
  }

  close(): void {
    this.#closed = true;
    this.#close();
    this.#attempt.connections.reset();
  }

  /** One attempt, over at `endMs` at the latest; why the previous one failed then says more than that time was up. */
  async #once<T>(
    body: (attempt: Attempt) => Promise<T>,
    endMs: number,
    previous: unknown,
  ): Promise<{ kind: 'done'; value: T } | { kind: 'failed'; failure: KafkaFailure; error: unknown }> {
    const leftMs = endMs - this.#clock.monotonicMs();
    let expire: (reason: Error) => void = () => undefined;
    const expired = new Promise<never>((_, reject) => {
      expire = reject;
    });
    const timer = this.#clock.setTimer(leftMs, () =>
      expire(Object.assign(new Error('no answer in time', { cause: previous }), { code: 'ETIMEDOUT' })),
    );
    try {
      return { kind: 'done', value: await Promise.race([body(this.#attempt), expired]) };
    } catch (error) {
      if (this.#closed) return { kind: 'failed', failure: closedFailure, error };
      return {
        kind: 'failed',
        failure: classifyFailure(error, this.#attempt.connections.takeTroubles()),
        error,
      };
    } finally {
      timer.clear();
    }
  }

  #limitMs(failure: KafkaFailure): number {
    if (failure.kind === 'transient') return TRANSIENT_DEADLINE_MS;
    if (failure.kind !== 'unreachable') return 0;
    // One broker is gone while another answers: a failover, which takes longer than connecting.
    return this.#attempt.connections.someOpen ? TRANSIENT_DEADLINE_MS : this.#connectTimeoutMs;
  }

  async #sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    let wake: () => void = () => undefined;
    const slept = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = this.#clock.setTimer(ms, wake);
    await Promise.race([slept, this.#whenClosed]);
    timer.clear();
  }
}

const closedFailure: KafkaFailure = {
  kind: 'closed',
  code: undefined,
  message: 'the admin connection was closed',
};

/**
 * Sends one request. The client throws when any item of the answer carries an error code, with the whole answer on the
 * error; here the answer comes back, and the caller looks at each item's code.
 */
export async function send<Args extends unknown[], Answer>(
  api: API<Args, Answer>,
  connection: Connection,
  ...args: Args
): Promise<Answer> {
  try {
    return await api.async(connection, ...args);
  } catch (error) {
    const { response, code } = error as { readonly response?: Answer; readonly code?: unknown }; // an error of the client
    // The client's ResponseError carries what the parser of this api made of the answer.
    if (response !== undefined) return response;
    // After a timeout the client would read a late answer as the next one: never use that connection again.
    if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_UNEXPECTED_CORRELATION_ID') abandon(connection);
    throw error;
  }
}
