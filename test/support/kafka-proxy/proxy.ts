import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { askForMetadata } from '../kafka/ask-broker.ts';
import { ProxiedConnection } from './connection.ts';
import { Fault, type FaultPlan } from './faults.ts';

/**
 * Stands between clients and the brokers of one cluster (plain listeners), one port a broker. Clients that start from
 * its `bootstrap` never see a broker's own address. Without faults nothing but addresses and API versions is changed.
 */
export interface KafkaProxy {
  /** Kafka: bootstrap.servers for the clients that are to go through the proxy. */
  readonly bootstrap: string;
  /** Puts a fault to work on requests that come from now on; the first fault that takes a request decides. */
  inject(plan: FaultPlan): Fault;
  /** Forgets all faults. */
  heal(): void;
  /** Cuts every open connection, or those to one broker (host:port). Clients may connect again. */
  cutConnections(broker?: string): void;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param bootstrap host:port of some brokers, comma-separated */
export async function startKafkaProxy(bootstrap: string): Promise<KafkaProxy> {
  const [first = ''] = bootstrap.split(',');
  const { brokers } = await askForMetadata(first, 5_000);
  const proxy = new RunningProxy();
  for (const broker of brokers) await proxy.listenFor(broker.address);
  return proxy;
}

class RunningProxy implements KafkaProxy {
  /** By the address of the broker behind. */
  readonly #servers = new Map<string, Server>();
  readonly #connections = new Map<ProxiedConnection, string>();
  #faults: Fault[] = [];

  get bootstrap(): string {
    return [...this.#servers.keys()].map((broker) => `127.0.0.1:${this.#portFor(broker)}`).join(',');
  }

  async listenFor(broker: string): Promise<void> {
    const server = createServer((client) => {
      const connection = new ProxiedConnection({
        client,
        broker,
        redirect: (host, port) => ({ host: '127.0.0.1', port: this.#portFor(`${host}:${port}`) }),
        fault: (request) => {
          for (const fault of this.#faults) {
            const action = fault.take(request);
            if (action !== undefined) return action;
          }
          return undefined;
        },
      });
      this.#connections.set(connection, broker);
      client.once('close', () => this.#connections.delete(connection));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#servers.set(broker, server);
  }

  inject(plan: FaultPlan): Fault {
    const fault = new Fault(plan);
    this.#faults.push(fault);
    return fault;
  }

  heal(): void {
    this.#faults = [];
  }

  cutConnections(broker?: string): void {
    for (const [connection, behind] of this.#connections) {
      if (broker === undefined || broker === behind) connection.cut();
    }
  }

  async stop(): Promise<void> {
    const servers = [...this.#servers.values()];
    this.#servers.clear();
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    this.cutConnections();
    await Promise.all(closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #portFor(broker: string): number {
    const address = this.#servers.get(broker)?.address() as AddressInfo | null | undefined;
    if (address === undefined || address === null)
      throw new Error(`the proxy has no port for broker ${broker}`);
    return address.port;
  }
}
