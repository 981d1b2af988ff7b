import { createServer } from 'node:net';

/**
 * Below the range from which systems take the ports of outgoing connections (Linux: 32768, macOS and others: 49152), so
 * that no client takes the port of a broker that is down for a while.
 */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
/** Processes of one run draw from parts of it: the port of a broker that is down looks free. */
const SHARES = 6;
const OWN_COUNT = PORT_COUNT / SHARES;
const OWN_FIRST = FIRST_PORT + (Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES) * OWN_COUNT;

/** Ports on 127.0.0.1 nobody listens on at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries > 1_000) throw new Error(`no ${count} free ports on 127.0.0.1 from ${OWN_FIRST} on`);
    const port = OWN_FIRST + Math.floor(Math.random() * OWN_COUNT);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
