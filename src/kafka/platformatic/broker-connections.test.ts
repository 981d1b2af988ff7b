import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { BrokerConnections } from './broker-connections.ts';
import type { Library } from './library.ts';

/** What BrokerConnections uses of a connection; port 666 is nobody's. */
class FakeConnection extends EventEmitter {
  port = 0;
  status = 'connecting';

  async connect(_host: string, port: number): Promise<void> {
    this.port = port;
    await Promise.resolve();
    if (port === 666) {
      this.emit('error', new Error('nobody is there'));
      throw new Error('nobody is there');
    }
    this.status = 'connected';
  }

  isConnected(): boolean {
    return this.status === 'connected';
  }

  close(): void {
    this.status = 'closed';
  }
}

const at = (port: number): { host: string; port: number } => ({ host: 'h', port });

function connectionsTo(...ports: readonly number[]): BrokerConnections {
  // Nothing else of the library is used.
  const library = { Connection: FakeConnection } as unknown as Library;
  return new BrokerConnections(library, { clientId: 't', bootstrap: ports.map(at) }, {});
}

/** Which brokers answer so many questions, one after the other. */
async function asked(connections: BrokerConnections, count: number): Promise<ReadonlySet<number>> {
  const ports = new Set<number>();
  for (let n = 0; n < count; n += 1) {
    ports.add(((await connections.any()) as unknown as FakeConnection).port);
    await Promise.resolve();
    await Promise.resolve();
  }
  return ports;
}

it('asks another broker each time', async () => {
  const connections = connectionsTo(1, 2, 3);
  await asked(connections, 1);
  expect(await asked(connections, 3)).toEqual(new Set([1, 2, 3]));
});

it('does not ask the only broker that was given for ever', async () => {
  const connections = connectionsTo(1);
  await asked(connections, 1);
  connections.know([at(1), at(2)]);
  expect(await asked(connections, 3)).toEqual(new Set([1, 2]));
});

it('goes on with the one that is there when the others are not, and says nothing of those', async () => {
  const connections = connectionsTo(1);
  await asked(connections, 1);
  connections.know([at(1), at(666)]);
  expect(await asked(connections, 5)).toEqual(new Set([1]));
  expect(connections.takeTroubles()).toEqual([]);
});
