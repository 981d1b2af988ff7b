import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isKeylaneError } from 'keylane';
import { z } from 'zod';
import { enqueueUpload, type RecordingQueue, uploadSchema } from './ingest.ts';
import { staticFile } from './static-files.ts';
import type { RecordingStore } from './storage.ts';
import { sessionIdSchema } from './tasks.ts';

export interface ServerOptions {
  readonly queue: RecordingQueue;
  readonly store: RecordingStore;
  /** 0 takes a free one. */
  readonly port: number;
  /** Largest request body. Default 8 MiB: a first snapshot of a heavy page. */
  readonly maxBodyBytes?: number;
}

export interface RecordingServer {
  readonly url: string;
  /** Takes no further requests, answers those under way, and resolves when all connections are closed. */
  close(): Promise<void>;
}

/** An answer other than the one asked for. */
class Refusal extends Error {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(String(body['message']));
    this.status = status;
    this.body = body;
  }
}

const DEFAULT_MAX_BODY_BYTES = 8 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 1;

/** Starts the ingest server on the loopback address. Rejects when the port is taken. */
export async function startServer(options: ServerOptions): Promise<RecordingServer> {
  let closing = false;
  const server = createServer((request, response) => {
    if (closing) response.setHeader('connection', 'close');
    void answer(options, request, response);
  });
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo; // a server that listens on TCP has one
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      closing = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('cache-control', 'no-store');
  // A replay shows what some visitor's browser sent: nothing in it may run or load from elsewhere.
  response.setHeader(
    'content-security-policy',
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'",
  );
  try {
    await route(options, request, response);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const refusal = error instanceof Refusal ? error : internalError(error);
    if (!request.complete) response.setHeader('connection', 'close'); // the rest of the body is not read
    sendJson(response, refusal.status, refusal.body);
  }
}

function internalError(cause: unknown): Refusal {
  console.error(cause);
  return new Refusal(500, { error: 'INTERNAL', message: 'The server failed; its own output says why.' });
}

async function route(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pathname = (request.url ?? '/').split('?', 1)[0] ?? '/';
  if (pathname === '/ingest') {
    requireMethod(request, response, ['POST']);
    await ingest(options, request);
    sendJson(response, 202, { accepted: true });
    return;
  }
  requireMethod(request, response, ['GET', 'HEAD']);
  if (pathname === '/health') return sendJson(response, 200, { ok: true });
  if (pathname === '/recordings') return sendJson(response, 200, await options.store.list());
  if (pathname.startsWith('/recordings/')) return sendRecording(options, pathname, response);
  const file = await staticFile(pathname);
  if (file === undefined)
    throw new Refusal(404, { error: 'NOT_FOUND', message: `There is nothing at ${pathname}.` });
  response.writeHead(200, { 'content-type': file.contentType }).end(file.body);
}

async function ingest(options: ServerOptions, request: IncomingMessage): Promise<void> {
  // A form of another site cannot send this type without asking first.
  if (request.headers['content-type']?.split(';')[0]?.trim() !== 'application/json') {
    throw new Refusal(415, { error: 'NOT_JSON', message: 'Send application/json.' });
  }
  const body = await readBody(request, options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES);
  const upload = uploadSchema.safeParse(parseJson(body));
  if (!upload.success) {
    throw new Refusal(400, { error: 'UPLOAD_INVALID', message: z.prettifyError(upload.error) });
  }
  try {
    await enqueueUpload(options.queue, upload.data);
  } catch (error) {
    throw refusalOf(error);
  }
}

/** Which of a failed enqueue's causes the page can do something about. */
function refusalOf(error: unknown): unknown {
  if (!isKeylaneError(error)) return error;
  const body = { error: error.code, message: error.message };
  if (error.code === 'TASK_TOO_LARGE') return new Refusal(413, body);
  if (error.code === 'PAYLOAD_INVALID' || error.code === 'KEY_INVALID') return new Refusal(400, body);
  // `absent`: surely not in the queue. `unknown`: it may still appear, under the same id. The page sends it again either way.
  const outcome = 'outcome' in error ? error.outcome : 'absent';
  return new Refusal(503, { ...body, outcome });
}

async function sendRecording(
  options: ServerOptions,
  pathname: string,
  response: ServerResponse,
): Promise<void> {
  const sessionId = sessionIdSchema.safeParse(pathname.slice('/recordings/'.length));
  const lines = sessionId.success ? await options.store.readLines(sessionId.data) : [];
  const events = lines.flatMap((line) => (line.kind === 'chunk' ? line.events : []));
  if (events.length === 0) {
    throw new Refusal(404, { error: 'NOT_FOUND', message: 'There is no such recording (yet).' });
  }
  sendJson(response, 200, { sessionId: sessionId.data, events });
}

function requireMethod(request: IncomingMessage, response: ServerResponse, allowed: readonly string[]): void {
  if (allowed.includes(request.method ?? '')) return;
  response.setHeader('allow', allowed.join(', '));
  throw new Refusal(405, { error: 'METHOD_NOT_ALLOWED', message: `Use ${allowed.join(' or ')}.` });
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new Refusal(413, {
    error: 'BODY_TOO_LARGE',
    message: `A request may have ${maxBytes} bytes.`,
  });
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Without an encoding set, a request yields buffers. It is not destroyed on the way out: the refusal has to be sent.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal(400, { error: 'NOT_JSON', message: 'The body is not JSON.' });
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (status === 503) response.setHeader('retry-after', String(RETRY_AFTER_SECONDS));
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}
