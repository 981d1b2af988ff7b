import type { Clock } from '../../clock/clock.ts';
import type { OAuthToken } from '../security.ts';

/** A token with less life left than this is replaced before use. */
const FRESH_MS = 60_000;

/** One token for all connections: asked for once, reused until shortly before it expires. */
export class TokenCache {
  readonly #provider: () => Promise<OAuthToken>;
  readonly #clock: Clock;
  #token: OAuthToken | undefined;
  #asking: Promise<OAuthToken> | undefined;

  constructor(provider: () => Promise<OAuthToken>, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** @throws whatever the provider throws; the next call asks again. */
  current(): Promise<OAuthToken> {
    if (this.#token !== undefined && this.#token.expiresAtMs - this.#clock.wallMs() > FRESH_MS) {
      return Promise.resolve(this.#token);
    }
    this.#asking ??= this.#ask();
    return this.#asking;
  }

  async #ask(): Promise<OAuthToken> {
    try {
      this.#token = await this.#provider();
      return this.#token;
    } finally {
      this.#asking = undefined;
    }
  }
}
