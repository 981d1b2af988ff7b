import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** One write as the store decided it. */
export interface StoreWrite {
  readonly key: string;
  readonly token: number;
  readonly total: number;
  readonly id: string;
  /** The life of the process that wrote. */
  readonly by: string;
  readonly accepted: boolean;
}

/** SQLite in a process of its own, which decides by the token whether a write counts. */
export interface FencedStore {
  readonly port: number;
  /** Everything that was written, in the order of the decisions. */
  writes(): Promise<readonly StoreWrite[]>;
  close(): Promise<void>;
}

/**
 * Starts a store that writes with the statement that docs/guarantees.md gives, or, `unchecked`, with the same one
 * without its last clause, which is the check.
 */
export async function startFencedStore(options: { readonly unchecked: boolean }): Promise<FencedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'keylane-store-'));
  const documented = documentedStatement();
  const statement = options.unchecked ? documented.slice(0, documented.indexOf('WHERE')) : documented;
  const script = fileURLToPath(new URL('./fenced-store.py', import.meta.url));
  const child = spawn('python3', [script, join(folder, 'store.db'), statement], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const gone = exited.then(() => Promise.reject(new Error('the store ended before it had a port')));
  const [line]: unknown[] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    gone,
  ]);
  gone.catch(() => undefined);
  const port = Number(line);
  const client = new StoreClient(port);
  return {
    port,
    writes: async () => (await client.ask({ what: 'writes' })) as readonly StoreWrite[], // fenced-store.py
    close: async () => {
      client.close();
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The recipe as a reader of the docs would copy it. */
function documentedStatement(): string {
  const page = readFileSync(new URL('../../docs/guarantees.md', import.meta.url), 'utf8');
  const [, statement] = /```sql\n(INSERT INTO accounts[^`]*WHERE[^`]*)```/.exec(page) ?? [];
  if (statement === undefined) throw new Error('docs/guarantees.md has no statement for a fenced write');
  return statement;
}

let connection: StoreClient | undefined;

/** Writes over this process's one connection; false when the store refused it. */
export async function writeToStore(port: number, write: Omit<StoreWrite, 'accepted'>): Promise<boolean> {
  connection ??= new StoreClient(port);
  return (await connection.ask({ what: 'write', ...write })) === true;
}

class StoreClient {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #requests = 0;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    createInterface({ input: this.#socket }).on('line', (line) => {
      const [number, answer] = JSON.parse(line) as [number, unknown]; // fenced-store.py
      this.#waiting.get(number)?.(answer);
      this.#waiting.delete(number);
    });
  }

  ask(request: Readonly<Record<string, unknown>>): Promise<unknown> {
    this.#requests += 1;
    const number = this.#requests;
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      this.#socket.write(`${JSON.stringify({ number, ...request })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
