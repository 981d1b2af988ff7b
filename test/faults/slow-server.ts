import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { monotonicMs } from './event-log.ts';

/**
 * Answers each line `<number> <ms>` with `<number>` after so many milliseconds: something real to wait for. While it is
 * down it answers `<number> down` at once.
 */
export interface SlowServer {
  readonly port: number;
  /** When it was asked, on the machine's monotonic clock. */
  readonly asked: readonly number[];
  setDown(down: boolean): void;
  close(): Promise<void>;
}

export async function startSlowServer(): Promise<SlowServer> {
  const sockets = new Set<Socket>();
  const asked: number[] = [];
  let isDown = false;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    createInterface({ input: socket }).on('line', (line) => {
      const [number, ms] = line.split(' ');
      asked.push(monotonicMs());
      if (isDown) {
        socket.write(`${number} down\n`);
        return;
      }
      setTimeout(() => {
        if (socket.writable) socket.write(`${number}\n`);
      }, Number(ms));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the slow server has no port');
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  };
  const setDown = (down: boolean): void => {
    isDown = down;
  };
  return { port: address.port, asked, setDown, close };
}

let connection: { readonly socket: Socket; readonly waiting: Map<number, (up: boolean) => void> } | undefined;
let questions = 0;

/** Resolves when the answer has come over this process's one connection; rejects when it says that the server is down. */
export function askSlowServer(port: number, ms: number): Promise<void> {
  connection ??= open(port);
  const { socket, waiting } = connection;
  questions += 1;
  const number = questions;
  return new Promise((resolve, reject) => {
    waiting.set(number, (up) => (up ? resolve() : reject(new Error('the server is down'))));
    socket.write(`${number} ${ms.toFixed(3)}\n`);
  });
}

function open(port: number) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const waiting = new Map<number, (up: boolean) => void>();
  createInterface({ input: socket }).on('line', (line) => {
    const [number, down] = line.split(' ');
    waiting.get(Number(number))?.(down === undefined);
    waiting.delete(Number(number));
  });
  return { socket, waiting };
}
