import type { KafkaFailure, KafkaFailureKind } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import { failureOfError, failureOfText } from './failure.ts';
import type { NativeClient, NativeLogLine, NativeMetadata } from './native.ts';

/** Log lines from this severity on (syslog: 3 = error) say why something failed. */
const ERROR_SEVERITY = 3;
const GIVE_UP_MS = 5_000;

/** The same trouble is told again after this time; a client repeats it with each attempt to reconnect. */
const REPEAT_MS = 5_000;
/** Kinds that come in dozens while brokers are away. */
const repeating: ReadonlySet<KafkaFailureKind> = new Set([
  'unreachable',
  'transient',
  'authentication',
  'authorization',
]);

/**
 * Listens to what a client says outside its calls. Its error events carry a generic text and no number; the reason is
 * only in its log lines, which come first.
 */
export class ClientEvents {
  #reason: string | undefined;
  #fatalReason: string | undefined;
  #closed = false;
  #listener: (failure: KafkaFailure) => void = () => {};
  #onUnanswered: () => void = () => {};
  readonly #toldAtMs = new Map<KafkaFailureKind, number>();

  constructor(client: NativeClient) {
    client.on('event.log', (line) => this.#onLog(line));
    client.on('event.error', (error) => this.tell(this.explain(failureOfError(error))));
    // Without a listener a failed OAUTHBEARER token would be an uncaught exception.
    client.on('error', (error) => this.tell({ ...failureOfText(error.message), kind: 'authentication' }));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** From here on the client is being disconnected: nothing it says matters any more. */
  close(): void {
    this.#closed = true;
  }

  /** One listener; a later one replaces an earlier one. */
  onFailure(listener: (failure: KafkaFailure) => void): void {
    this.#listener = listener;
  }

  /** One listener: called when the client has given up waiting for an answer. It may do so several times for one. */
  onUnanswered(listener: () => void): void {
    this.#onUnanswered = listener;
  }

  /** Tells the listener, unless the client is being disconnected or the same kind was told a moment ago. */
  tell(failure: KafkaFailure): void {
    if (this.#closed) return;
    const nowMs = performance.now();
    const toldAtMs = this.#toldAtMs.get(failure.kind) ?? Number.NEGATIVE_INFINITY;
    if (repeating.has(failure.kind) && nowMs - toldAtMs < REPEAT_MS) return;
    this.#toldAtMs.set(failure.kind, nowMs);
    this.#listener(failure);
  }

  /** Adds the last reason the client logged. */
  explain(failure: KafkaFailure): KafkaFailure {
    const fatal = failure.kind === 'producer-fatal' ? this.#fatalReason : undefined;
    const reason = fatal ?? this.#reason;
    return reason === undefined ? failure : { ...failure, message: `${failure.message} (${reason})` };
  }

  #onLog({ severity, fac, message }: NativeLogLine): void {
    if (fac === 'REQTMOUT' && !this.#closed) this.#onUnanswered();
    // A broker that hangs up is logged as a mere notice, with the likely cause.
    if (severity > ERROR_SEVERITY && fac !== 'FAIL') return;
    const failure = failureOfText(message.replace(/^\[thrd:[^\]]*\]: /, ''));
    this.#reason = failure.message;
    if (severity > ERROR_SEVERITY) return;
    if (fac === 'FATAL') this.#fatalReason = failure.message;
    // During a connect nobody polls the client, so its error events do not arrive; its log lines do.
    if (failure.kind === 'authentication') this.tell(failure);
  }
}

/** A client, what it says, and how to get rid of it. */
export interface LiveClient<C extends NativeClient> {
  readonly client: C;
  readonly events: ClientEvents;
  /** Resolves when it is disconnected, or after `timeoutMs`. */
  disconnect(timeoutMs: number): Promise<void>;
}

/**
 * Connects a client that was never connected before (a failed one cannot be reused: its callbacks would be registered
 * twice). Gives up at once when the cluster refuses the credentials, since waiting does not heal them.
 * @throws KafkaRequestError
 */
export function connectClient<C extends NativeClient>(
  live: LiveClient<C>,
  what: string,
  timeoutMs: number,
): Promise<NativeMetadata> {
  const { client, events } = live;
  return new Promise((resolve, reject) => {
    const refuse = (failure: KafkaFailure, cause?: unknown) => {
      events.close();
      reject(new KafkaRequestError(`Could not connect the ${what}`, failure, cause));
    };
    events.onFailure((failure) => {
      if (failure.kind === 'authentication') refuse(failure);
    });
    client.connect({ allTopics: false, timeout: timeoutMs }, (error, metadata) => {
      if (error !== null && error !== undefined) {
        // The client has disconnected itself. "Wrong state" means here that its configuration was refused: see the text.
        const failure = failureOfError(error);
        refuse(events.explain(failure.kind === 'closed' ? failureOfText(failure.message) : failure), error);
      } else if (events.closed) {
        void live.disconnect(GIVE_UP_MS);
      } else {
        events.onFailure(() => {});
        resolve(metadata);
      }
    });
  });
}

/** Resolves when `work` has called back, or after `timeoutMs`: some native calls may wait for ever. */
export function bounded(timeoutMs: number, work: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    try {
      work(done);
    } catch {
      // The client was not connected (any more): nothing to wait for.
      done();
    }
  });
}
