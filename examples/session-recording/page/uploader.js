/** A chunk is closed when it has this many events, or when its first one is this old. */
const CHUNK_EVENTS = 30;
const CHUNK_AGE_MS = 200;
/** After an outage, this many waiting chunks go into one request. */
const CHUNKS_PER_REQUEST = 20;
/** What browsers let a page still send while it is being left: 64 KiB for everything together. */
const LEAVING_BYTES = 60 * 1024;
const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 10_000;

/**
 * Sends events to the server in order: one request at a time, always the oldest chunks first, the same chunks again
 * until the server has accepted them. A chunk keeps its number, so that one sent twice is stored once.
 */
export class Uploader {
  #url;
  #sessionId;
  #onChange;
  /** Events of the chunk that is being filled. */
  #filling = [];
  #fillTimer;
  /** Full chunks the server has not accepted yet, oldest first. Those of the request under way are still here. */
  #waiting = [];
  #nextSequence = 0;
  #accepted = 0;
  #sending = false;
  #ended = false;

  /** `onChange` hears `{ state: 'saving' | 'saved' | 'retrying' | 'refused', accepted }`. */
  constructor({ url, sessionId, onChange }) {
    this.#url = url;
    this.#sessionId = sessionId;
    this.#onChange = onChange;
  }

  add(event) {
    if (this.#ended) return;
    this.#filling.push(event);
    if (this.#filling.length >= CHUNK_EVENTS) this.flush();
    else this.#fillTimer ??= setTimeout(() => this.flush(), CHUNK_AGE_MS);
  }

  /** Closes the chunk that is being filled and sends what waits. */
  flush() {
    this.#close();
    void this.#send();
  }

  /**
   * The page is being left: one last request that the browser finishes by itself. It carries everything unanswered, also
   * the chunks of a request still under way, because that one may be cut off and two requests may overtake each other.
   * What does not fit is lost with the page; the recording then ends early, and says so, but has no hole.
   */
  leave() {
    if (this.#ended) return;
    this.#close();
    this.#ended = true;
    const chunks = [...this.#waiting];
    let body = this.#bodyOf(chunks, this.#nextSequence);
    while (chunks.length > 0 && new Blob([body]).size > LEAVING_BYTES) {
      chunks.pop();
      body = this.#bodyOf(chunks, undefined);
    }
    if (this.#nextSequence > 0)
      navigator.sendBeacon(this.#url, new Blob([body], { type: 'application/json' }));
  }

  #close() {
    clearTimeout(this.#fillTimer);
    this.#fillTimer = undefined;
    if (this.#filling.length === 0) return;
    this.#waiting.push({ sequence: this.#nextSequence, events: this.#filling });
    this.#nextSequence += 1;
    this.#filling = [];
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    let failures = 0;
    while (this.#waiting.length > 0 && !this.#ended) {
      if (failures === 0) this.#report('saving');
      const chunks = this.#waiting.slice(0, CHUNKS_PER_REQUEST);
      const answer = await this.#post(this.#bodyOf(chunks, undefined));
      if (this.#ended) break;
      if (answer.kind === 'accepted') {
        this.#waiting.splice(0, chunks.length);
        this.#accepted += chunks.length;
        failures = 0;
      } else if (answer.kind === 'refused') {
        // Going on without these chunks would leave a hole: the recording ends here instead.
        this.#ended = true;
        this.#report('refused');
      } else {
        this.#report('retrying');
        const backoff =
          Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures) * (0.5 + Math.random() / 2);
        failures += 1;
        await new Promise((resolve) => setTimeout(resolve, Math.max(backoff, answer.retryAfterMs)));
      }
    }
    this.#sending = false;
    if (!this.#ended) this.#report('saved');
  }

  async #post(body) {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (response.ok) return { kind: 'accepted' };
      if (response.status >= 500 || response.status === 429) {
        return { kind: 'failed', retryAfterMs: 1000 * Number(response.headers.get('retry-after') ?? 0) };
      }
      return { kind: 'refused' };
    } catch {
      return { kind: 'failed', retryAfterMs: 0 };
    }
  }

  #bodyOf(chunks, finishedAfter) {
    return JSON.stringify({ sessionId: this.#sessionId, chunks, finishedAfter });
  }

  #report(state) {
    this.#onChange({ state, accepted: this.#accepted });
  }
}
