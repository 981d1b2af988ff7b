import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Answers each line `<number> <ms>` with `<number>` after so many milliseconds: something real to wait for. */
export interface SlowServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startSlowServer(): Promise<SlowServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    createInterface({ input: socket }).on('line', (line) => {
      const [number, ms] = line.split(' ');
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
  return { port: address.port, close };
}

let connection: { readonly socket: Socket; readonly waiting: Map<number, () => void> } | undefined;
let questions = 0;

/** Resolves when the answer has come over this process's one connection. */
export function askSlowServer(port: number, ms: number): Promise<void> {
  connection ??= open(port);
  const { socket, waiting } = connection;
  questions += 1;
  const number = questions;
  return new Promise((resolve) => {
    waiting.set(number, resolve);
    socket.write(`${number} ${ms.toFixed(3)}\n`);
  });
}

function open(port: number) {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const waiting = new Map<number, () => void>();
  createInterface({ input: socket }).on('line', (line) => {
    waiting.get(Number(line))?.();
    waiting.delete(Number(line));
  });
  return { socket, waiting };
}
