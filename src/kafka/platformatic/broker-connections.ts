import type { Connection, ConnectionOptions } from '@platformatic/kafka';
import type { BrokerAddress } from './connection-options.ts';
import type { Library } from './library.ts';

interface Held {
  readonly connection: Connection;
  readonly ready: Promise<Connection>;
  settled: boolean;
}

/**
 * Connections by broker address, opened when first needed.
 *
 * Ours and not the client's pool, for two reasons: the client emits `error` on a connection up to twice and listens
 * once, so that the second (a reset after a refused password) would end the process; and its pool forgets by address,
 * so that the late close of an old connection drops the new one from the books, and keeps the process alive for ever.
 */
export class BrokerConnections {
  readonly #library: Library;
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #bootstrap: readonly BrokerAddress[];
  readonly #held = new Map<string, Held>();
  #troubles: unknown[] = [];
  /** Brokers that a broker has named, beside those that were given. */
  #named: readonly BrokerAddress[] = [];
  #turn = 0;

  constructor(
    library: Library,
    address: { readonly clientId: string; readonly bootstrap: readonly BrokerAddress[] },
    options: ConnectionOptions,
  ) {
    this.#library = library;
    this.#clientId = address.clientId;
    this.#bootstrap = address.bootstrap;
    this.#options = options;
  }

  /** What connections reported since the last call. */
  takeTroubles(): readonly unknown[] {
    const taken = this.#troubles;
    this.#troubles = [];
    return taken;
  }

  /** A connection to that broker. */
  async to(broker: BrokerAddress): Promise<Connection> {
    const key = keyOf(broker);
    const held = this.#held.get(key);
    if (held !== undefined && (!held.settled || isUsable(held.connection))) return held.ready;
    if (held !== undefined) this.#drop(key, held);
    return this.#connect(broker, 'needed').ready;
  }

  /**
   * A connection to any broker: of those that are open another one each time, else the first of the bootstrap list to answer.
   * A broker that was cut off from the others answers what was true before; whoever asks again asks another one.
   */
  async any(): Promise<Connection> {
    const open = this.#open;
    if (open.length === 1) this.#connectAnother();
    this.#turn += 1;
    const next = open[this.#turn % open.length];
    return next ?? Promise.any(this.#bootstrap.map((broker) => this.to(broker)));
  }

  /** These brokers are there as well. */
  know(brokers: readonly BrokerAddress[]): void {
    this.#named = brokers;
  }

  /** Whether some broker is connected right now. */
  get someOpen(): boolean {
    return this.#open.length > 0;
  }

  get #open(): readonly Connection[] {
    return [...this.#held.values()].flatMap(({ connection, settled }) =>
      settled && isUsable(connection) ? [connection] : [],
    );
  }

  /** The only broker that is connected would be asked for ever. Nobody waits for this, or hears how it went. */
  #connectAnother(): void {
    if ([...this.#held.values()].some(({ settled }) => !settled)) return;
    const other = this.#named.find((broker) => !this.#held.has(keyOf(broker)));
    if (other !== undefined) this.#connect(other, 'spare').ready.catch(() => undefined);
  }

  /** Closes everything at once; requests under way fail with "closed". New connections may be opened after. */
  reset(): void {
    for (const [key, held] of this.#held) this.#drop(key, held);
  }

  #connect(broker: BrokerAddress, why: 'needed' | 'spare'): Held {
    const key = keyOf(broker);
    const connection = new this.#library.Connection(this.#clientId, this.#options);
    const held: Held = { connection, ready: connect(connection, broker), settled: false };
    connection.on('error', (error) => {
      if (why === 'spare' && !held.settled) return; // no request waits for it
      if (this.#troubles.length < 20) this.#troubles.push(error);
    });
    this.#held.set(key, held);
    held.ready.then(
      () => {
        held.settled = true;
      },
      () => this.#drop(key, held),
    );
    connection.on('close', () => this.#forget(key, held));
    return held;
  }

  #drop(key: string, held: Held): void {
    this.#forget(key, held);
    abandon(held.connection);
  }

  #forget(key: string, held: Held): void {
    if (this.#held.get(key) === held) this.#held.delete(key);
  }
}

/** Closes a connection without waiting for the peer: a hanging broker would keep the socket, and the process, alive. */
export function abandon(connection: Connection): void {
  connection.close(() => undefined);
  const socket: Connection['socket'] | undefined = connection.socket; // not there before connect()
  socket?.destroy();
}

function keyOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`;
}

async function connect(connection: Connection, broker: BrokerAddress): Promise<Connection> {
  await connection.connect(broker.host, broker.port);
  return connection;
}

function isUsable(connection: Connection): boolean {
  return connection.isConnected() || connection.status === 'reauthenticating';
}
