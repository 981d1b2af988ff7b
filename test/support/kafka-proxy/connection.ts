import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { WireReader, WireWriter } from '../kafka/wire.ts';
import { API, isFlexible } from './api.ts';
import type { FaultAction, ProxiedRequest, RefuseAfter } from './faults.ts';
import { FrameSplitter, framed } from './frames.ts';
import { readProduceRequest, refusedProduceResponse } from './produce-request.ts';
import { type Redirect, rewriteResponse } from './rewrite-response.ts';

export interface ConnectionOptions {
  readonly client: Socket;
  /** host:port of the broker behind. */
  readonly broker: string;
  readonly redirect: Redirect;
  readonly fault: (request: ProxiedRequest) => FaultAction | undefined;
}

interface Pending {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly action: FaultAction | undefined;
}

/** A refusal that waits for more requests, and those that have come. */
interface HeldRefusal {
  readonly response: Buffer;
  readonly wanted: number;
  readonly requests: Forward[];
  readonly timer: NodeJS.Timeout;
}

/** A request that is to go to the broker. */
interface Forward {
  readonly frame: Buffer;
  readonly correlationId: number;
  readonly pending: Pending;
}

/** One client connection and the one to the broker behind it. Each direction keeps its order, delays included. */
export class ProxiedConnection {
  readonly #options: ConnectionOptions;
  readonly #upstream: Socket;
  /** Requests that the broker has not answered yet, by correlation id. */
  readonly #pending = new Map<number, Pending>();
  #held: HeldRefusal | undefined;
  #isCut = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const split = options.broker.lastIndexOf(':');
    this.#upstream = connect({
      host: options.broker.slice(0, split),
      port: Number(options.broker.slice(split + 1)),
      noDelay: true,
    });
    options.client.setNoDelay(true);
    this.#pump(options.client, (frame) => this.#onRequest(frame));
    this.#pump(this.#upstream, (frame) => this.#onResponse(frame));
  }

  /** Resets both sides. */
  cut(): void {
    this.#isCut = true;
    clearTimeout(this.#held?.timer);
    this.#options.client.destroy();
    this.#upstream.destroy();
  }

  /** Hands over the frames of a socket one after the other. */
  #pump(socket: Socket, handle: (frame: Buffer) => Promise<void>): void {
    const splitter = new FrameSplitter();
    let last: Promise<void> = Promise.resolve();
    socket.on('error', () => this.cut());
    socket.on('close', () => this.cut());
    socket.on('data', (chunk: Buffer) => {
      for (const frame of splitter.push(chunk)) {
        last = last.then(() => (this.#isCut ? undefined : handle(frame))).catch(() => this.cut());
      }
    });
  }

  async #onRequest(frame: Buffer): Promise<void> {
    const reader = new WireReader(frame);
    const apiKey = reader.int16();
    const apiVersion = reader.int16();
    const correlationId = reader.int32();
    const clientId = reader.string(false) ?? '';
    const compact = isFlexible(apiKey, apiVersion);
    reader.tags(compact);
    const batches = apiKey === API.produce ? readProduceRequest(reader.rest(), apiVersion) : [];
    const request = { apiKey, apiVersion, clientId, broker: this.#options.broker, batches };
    const action = this.#options.fault(request);
    if (action?.kind === 'cut') return this.cut();
    if (action?.kind === 'delay') await wait(action.delayMs);
    if (action?.kind === 'refuse') {
      const head = new WireWriter().int32(correlationId).noTags(compact).bytes();
      const body = refusedProduceResponse(batches, apiVersion, action.errorCode);
      return this.#refuse(framed(Buffer.concat([head, body])), action.after);
    }
    const forward = { frame, correlationId, pending: { apiKey, apiVersion, action } };
    if (this.#held === undefined) return this.#forward(forward);
    this.#held.requests.push(forward);
    if (this.#held.requests.length >= this.#held.wanted) await this.#release();
  }

  #refuse(response: Buffer, after: RefuseAfter | undefined): void {
    if (after === undefined || this.#held !== undefined) {
      this.#options.client.write(response);
      return;
    }
    const timer = setTimeout(() => void this.#release(), after.orMs);
    this.#held = { response, wanted: after.requests, requests: [], timer };
  }

  async #release(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    clearTimeout(held.timer);
    this.#options.client.write(held.response);
    // All written at once, so that no request that comes meanwhile gets in between.
    await Promise.all(held.requests.map((forward) => this.#forward(forward)));
  }

  #forward({ frame, correlationId, pending }: Forward): Promise<void> {
    this.#pending.set(correlationId, pending);
    return this.#send(this.#upstream, this.#options.client, frame);
  }

  async #onResponse(frame: Buffer): Promise<void> {
    const correlationId = frame.readInt32BE(0);
    const pending = this.#pending.get(correlationId);
    this.#pending.delete(correlationId);
    if (pending === undefined) return this.cut();
    const { apiKey, apiVersion, action } = pending;
    if (action?.kind === 'drop-response') return;
    if (action?.kind === 'cut-after') return this.cut();
    if (action?.kind === 'delay-response') await wait(action.delayMs);
    const rewritten = rewriteResponse(frame, apiKey, apiVersion, this.#options.redirect);
    await this.#send(this.#options.client, this.#upstream, rewritten);
  }

  /** Writes a frame; while the receiver is slow, the sender is not read. */
  #send(receiver: Socket, sender: Socket, frame: Buffer): Promise<void> {
    if (receiver.write(framed(frame))) return Promise.resolve();
    sender.pause();
    return new Promise((resolve) => {
      const goOn = (): void => {
        receiver.off('drain', goOn);
        receiver.off('close', goOn);
        sender.resume();
        resolve();
      };
      receiver.on('drain', goOn);
      receiver.on('close', goOn);
    });
  }
}
