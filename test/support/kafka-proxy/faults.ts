import { API, type ApiName } from './api.ts';
import type { ProducedBatch } from './produce-request.ts';

/** A request on its way from a client to a broker. */
export interface ProxiedRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly clientId: string;
  /** The address of the broker it is for. */
  readonly broker: string;
  /** Only of Produce requests; empty otherwise. */
  readonly batches: readonly ProducedBatch[];
}

export type FaultAction =
  /** Produce only: every batch is refused with this error code and the broker never sees the request. */
  | { readonly kind: 'refuse'; readonly errorCode: number; readonly after?: RefuseAfter }
  /** The broker does what was asked; its response never arrives. */
  | { readonly kind: 'drop-response' }
  /** The connection is cut instead of forwarding. */
  | { readonly kind: 'cut' }
  /** The broker does what was asked; the connection is cut instead of passing its response on. */
  | { readonly kind: 'cut-after' }
  /** Forwarded this much later, as is all that the client sends after it on this connection. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** The response is passed on this much later, as is all that comes after it on this connection. */
  | { readonly kind: 'delay-response'; readonly delayMs: number };

/**
 * Makes a race certain: the refusal waits until so many more requests have come on the connection, which wait too, and
 * goes out before the broker sees any of them; at the latest after `orMs`.
 */
export interface RefuseAfter {
  readonly requests: number;
  readonly orMs: number;
}

export interface FaultPlan {
  readonly api: ApiName;
  /** Default: every request of the API. */
  readonly when?: (request: ProxiedRequest) => boolean;
  /** How many matching requests pass unharmed first. Default 0. */
  readonly skip?: number;
  /** How many are hit after that. Default 1. */
  readonly times?: number;
  readonly action: FaultAction;
}

/** A plan that is at work in a proxy. */
export class Fault {
  readonly #plan: FaultPlan;
  #seen = 0;
  readonly #hits: ProxiedRequest[] = [];

  constructor(plan: FaultPlan) {
    this.#plan = plan;
  }

  /** The requests that were hit so far. */
  get hits(): readonly ProxiedRequest[] {
    return this.#hits;
  }

  /** What is to be done to the request; undefined when it is not for this fault. */
  take(request: ProxiedRequest): FaultAction | undefined {
    const { api, when, skip = 0, times = 1, action } = this.#plan;
    if (request.apiKey !== API[api] || when?.(request) === false) return undefined;
    this.#seen += 1;
    if (this.#seen <= skip || this.#seen > skip + times) return undefined;
    this.#hits.push(request);
    return action;
  }
}
