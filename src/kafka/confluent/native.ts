import { KeylaneError } from '../../errors/keylane-error.ts';

/**
 * The part of `@confluentinc/kafka-javascript` that keylane uses, typed here because its own types miss half of it
 * (incrementalAssign, assignmentLost, queue_non_empty_cb...) and promise calls that do not exist. The callback API only:
 * its `KafkaJS` layer blocks across partitions.
 */

/** What the client throws and passes to callbacks. `code` is negative for librdkafka's own errors, -1 when unknown. */
export interface NativeError extends Error {
  readonly code: number;
}

/** One property of librdkafka's configuration. Never `undefined`: the client would set the string "undefined". */
export type NativeConfigValue = string | number | boolean;

export interface NativeOAuthToken {
  readonly tokenValue: string;
  readonly lifetime: number;
  readonly principal: string;
  readonly extensions: Readonly<Record<string, string>>;
}

export interface NativeTopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface NativePosition extends NativeTopicPartition {
  readonly offset: number;
  readonly metadata?: string;
}

/** An entry of `committed()`; without `offset` when nothing was ever committed. */
export interface NativeCommitted extends NativeTopicPartition {
  readonly offset?: number;
  readonly metadata?: string;
}

/** A header as the client wants and gives it: an object with one property. */
export type NativeHeader = Readonly<Record<string, Buffer>>;

export interface NativeMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** Left out where the broker tells none. */
  readonly leaderEpoch?: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: readonly NativeHeader[];
}

export interface NativeDeliveryReport {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp?: number;
  readonly opaque: unknown;
}

export interface NativeLogLine {
  /** syslog level: 3 is an error. */
  readonly severity: number;
  readonly fac: string;
  readonly message: string;
}

export interface NativeMetadata {
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly id: number;
      readonly leader: number;
      readonly replicas: readonly number[];
      readonly isrs: readonly number[];
    }[];
  }[];
}

export interface MetadataRequest {
  /** Asking for one topic creates it where the cluster creates topics by itself. */
  readonly topic?: string;
  /** Always pass it: the default asks for every topic of the cluster. */
  readonly allTopics: boolean;
  readonly timeout: number;
}

type Done<T> = (error: NativeError | null | undefined, result: T) => void;

export interface NativeClient {
  connect(request: MetadataRequest, done: Done<NativeMetadata>): void;
  getMetadata(request: MetadataRequest, done: Done<NativeMetadata>): void;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    done: Done<{ readonly lowOffset: number; readonly highOffset: number }>,
  ): void;
  on(event: 'event.error' | 'error', listener: (error: NativeError) => void): unknown;
  on(event: 'event.log', listener: (line: NativeLogLine) => void): unknown;
}

export interface NativeProducer extends NativeClient {
  /** Copies the value. Throws when the record was not taken; -184 = queue full. */
  produce(
    topic: string,
    partition: number,
    value: Buffer,
    key: Buffer | null,
    timestamp: undefined,
    opaque: unknown,
    headers: readonly NativeHeader[],
  ): unknown;
  /** Only while connected: before and after, it crashes the process. */
  setPollInBackground(on: boolean): unknown;
  disconnect(flushTimeoutMs: number, done: () => void): void;
}

export interface NativeConsumer extends NativeClient {
  setDefaultConsumeTimeout(timeoutMs: number): void;
  consume(count: number, done: Done<readonly NativeMessage[]>): void;
  incrementalAssign(positions: readonly NativePosition[]): unknown;
  incrementalUnassign(partitions: readonly NativeTopicPartition[]): unknown;
  unassign(): unknown;
  /** Only while connected: before and after, it crashes the process. */
  assignmentLost(): boolean;
  pause(partitions: readonly NativeTopicPartition[]): unknown;
  resume(partitions: readonly NativeTopicPartition[]): unknown;
  subscribe(topics: readonly string[]): unknown;
  unsubscribe(): unknown;
  /** Only sends. The acknowledgement comes through `offset_commit_cb`; `commitCb` calls back when it was *sent*. */
  commit(offsets: readonly NativePosition[]): unknown;
  committed(
    partitions: readonly NativeTopicPartition[],
    timeoutMs: number,
    done: Done<readonly (NativeCommitted | Error)[]>,
  ): unknown;
  /** Waits, without limit, until the final revoke was answered. */
  disconnect(done: () => void): void;
}

/** The producer's `dr_cb`. Never `dr_msg_cb`: it copies every payload back. */
export type DeliveryListener = (error: NativeError | null, report: NativeDeliveryReport) => void;

/** The callbacks of a consumer that is a group member. */
export interface MemberCallbacks {
  readonly queue_non_empty_cb: () => void;
  readonly rebalance_cb: (
    error: NativeError | undefined,
    partitions: readonly NativeTopicPartition[],
  ) => void;
  /** Names what was committed, without metadata; an entry may be an Error. */
  readonly offset_commit_cb: (error: NativeError | undefined, offsets: readonly unknown[]) => void;
}

export interface SecurityCallbacks {
  readonly oauthbearer_token_refresh_cb?: () => Promise<NativeOAuthToken>;
}

export type NativeConfig = Readonly<Record<string, NativeConfigValue>>;

/** Properties and callbacks together, as the constructors take them. */
export type NativeClientConfig = Readonly<
  Record<string, NativeConfigValue | ((...given: never[]) => unknown)>
>;

/**
 * The second argument is `undefined`, always: with an object, even an empty one, the client discards every topic-level
 * property of the first (acks, compression, message.timeout.ms, auto.offset.reset).
 */
export interface NativeModule {
  /** What it was built with: `zstd`, `lz4`, `sasl_scram`... */
  readonly features: readonly string[];
  readonly Producer: new (config: NativeClientConfig, topicConfig: undefined) => NativeProducer;
  readonly KafkaConsumer: new (config: NativeClientConfig, topicConfig: undefined) => NativeConsumer;
}

let loading: Promise<NativeModule> | undefined;

/**
 * Loads the client with its native code, once.
 * @throws KeylaneError NATIVE_CLIENT_MISSING when it is not installed or was not built for this Node and platform.
 */
export function loadNative(): Promise<NativeModule> {
  loading ??= importNative();
  return loading;
}

async function importNative(): Promise<NativeModule> {
  try {
    const loaded: { readonly default?: unknown } = await import('@confluentinc/kafka-javascript');
    // The package is CommonJS; its exports are the default export. Its shape is described above.
    return (loaded.default ?? loaded) as NativeModule;
  } catch (cause) {
    loading = undefined;
    throw new KeylaneError('NATIVE_CLIENT_MISSING', missingText(cause), { cause });
  }
}

function missingText(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
  return [
    `The native Kafka client @confluentinc/kafka-javascript could not be loaded (${reason})`,
    `on Node ${process.version}, ${process.platform} ${process.arch}.`,
    'Its install script downloads a prebuilt binary, or builds one. Where downloads are blocked, reinstall with the',
    'environment variable CKJS_LINKING=dynamic: it then builds from the package itself, with python3, make, g++ and the',
    'headers of zlib and OpenSSL (Debian: build-essential python3 zlib1g-dev libssl-dev). Install scripts must be',
    'allowed for the package.',
  ].join(' ');
}
