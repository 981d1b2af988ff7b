import type { OptionProblem } from '../../errors/options-error.ts';
import type { BatchCompression, MembershipOptions, ReaderOptions } from '../port.ts';
import type { ClusterAddress, SaslOptions, TlsOptions } from '../security.ts';
import type { NativeConfig, SecurityCallbacks } from './native.ts';

/** What every client needs to get at the cluster. */
export function connectionConfig(address: ClusterAddress): NativeConfig {
  return {
    'bootstrap.servers': address.brokers.join(','),
    'client.id': address.clientId,
    'security.protocol': securityProtocol(address),
    ...tlsConfig(address.tls),
    ...saslConfig(address.sasl),
    // Dead NAT paths are noticed only with keepalive.
    'socket.keepalive.enable': true,
    'socket.timeout.ms': 30_000,
    'socket.connection.setup.timeout.ms': 10_000,
    // The default maximum of 10 s would add a gap of that length to every broker restart.
    'reconnect.backoff.ms': 100,
    'reconnect.backoff.max.ms': 2_000,
    'topic.metadata.refresh.interval.ms': 60_000,
    // KIP-714 telemetry: sent only when the user's cluster was asked to collect it.
    'enable.metrics.push': false,
  };
}

function securityProtocol({ tls, sasl }: ClusterAddress): string {
  if (sasl !== undefined) return tls === undefined ? 'sasl_plaintext' : 'sasl_ssl';
  return tls === undefined ? 'plaintext' : 'ssl';
}

function tlsConfig(tls: TlsOptions | undefined): NativeConfig {
  if (tls === undefined) return {};
  const verify = tls.rejectUnauthorized !== false;
  return {
    // librdkafka adds every certificate of the text. "probe" looks for the system's bundle where it usually is.
    ...(tls.ca === undefined ? { 'ssl.ca.location': 'probe' } : { 'ssl.ca.pem': pem(tls.ca) }),
    ...(tls.cert === undefined ? {} : { 'ssl.certificate.pem': pem(tls.cert) }),
    ...(tls.key === undefined ? {} : { 'ssl.key.pem': pem(tls.key) }),
    ...(tls.passphrase === undefined ? {} : { 'ssl.key.password': tls.passphrase }),
    'enable.ssl.certificate.verification': verify,
    'ssl.endpoint.identification.algorithm': verify ? 'https' : 'none',
  };
}

function pem(text: string | Buffer | readonly (string | Buffer)[]): string {
  const parts = typeof text === 'string' || Buffer.isBuffer(text) ? [text] : text;
  return parts.map((part) => part.toString().trim()).join('\n');
}

function saslConfig(sasl: SaslOptions | undefined): NativeConfig {
  if (sasl === undefined) return {};
  if (sasl.mechanism === 'OAUTHBEARER') return { 'sasl.mechanism': 'OAUTHBEARER' };
  return { 'sasl.mechanism': sasl.mechanism, 'sasl.username': sasl.username, 'sasl.password': sasl.password };
}

/**
 * The token callback. Once the client is being closed it never resolves: handing a token to a closed client throws
 * where nobody can catch it.
 */
export function securityCallbacks(address: ClusterAddress, isClosed: () => boolean): SecurityCallbacks {
  const sasl = address.sasl;
  if (sasl?.mechanism !== 'OAUTHBEARER') return {};
  return {
    oauthbearer_token_refresh_cb: async () => {
      const fetched = await settled(sasl.token);
      if (isClosed()) return new Promise(() => {});
      if ('error' in fetched) throw fetched.error;
      const { value, expiresAtMs, principal, extensions } = fetched.token;
      return { tokenValue: value, lifetime: expiresAtMs, principal, extensions: extensions ?? {} };
    },
  };
}

async function settled<T>(get: () => Promise<T>): Promise<{ readonly token: T } | { readonly error: Error }> {
  try {
    return { token: await get() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** The largest record the client takes, and the largest batch it builds: below every hosted broker's limit. */
export const DEFAULT_MAX_RECORD_BYTES = 1_000_000;

/**
 * Why this build of the client cannot compress so; undefined: it can. The client says it by an exception of its
 * constructor, in words that do not say what to do.
 */
export function compressionProblem(
  compression: BatchCompression,
  features: readonly string[],
): OptionProblem | undefined {
  if (compression === 'none' || features.includes(compression)) return undefined;
  return {
    path: 'producer.compression',
    rule: `must not be '${compression}' here: this machine's Kafka client was built without it`,
    value: `'${compression}'`,
    cure:
      compression === 'zstd'
        ? "Use 'lz4', or reinstall @confluentinc/kafka-javascript where the headers of zstd are (Debian: libzstd-dev), " +
          'or where its prebuilt binary can be downloaded.'
        : "Use 'none', or reinstall @confluentinc/kafka-javascript.",
  };
}

/** librdkafka's own default. */
const DEFAULT_RECEIVE_BYTES = 100_000_000;

export function producerConfig(maxRecordBytes: number, compression: BatchCompression = 'lz4'): NativeConfig {
  return {
    acks: 'all',
    'enable.idempotence': true,
    'max.in.flight.requests.per.connection': 5,
    // 0 = never: a batch keeps its place until it is acknowledged or definitely refused. Deadlines are the caller's.
    'message.timeout.ms': 0,
    // How long a broker holds a produce request for its replicas; below socket.timeout.ms.
    'request.timeout.ms': 20_000,
    'allow.auto.create.topics': false,
    'topic.metadata.propagation.max.ms': 10_000,
    // Off the JS thread.
    'compression.codec': compression,
    // The lanes above build batches; this is only the time one call of append() takes to hand over its records.
    'linger.ms': 1,
    'message.max.bytes': maxRecordBytes,
    'batch.size': maxRecordBytes,
    'batch.num.messages': 100_000,
    // Memory is bounded above, in bytes. These must never be what bounds it.
    'queue.buffering.max.messages': 1_000_000,
    'queue.buffering.max.kbytes': 2_000_000,
  };
}

const DEFAULT_PARTITION_FETCH_BYTES = 1024 * 1024;
const DEFAULT_FETCH_WAIT_MS = 500;
const DEFAULT_FULL_WAIT_MS = 50;

export function readerConfig(
  { name, prefetchBytes, partitionFetchBytes, fetchWaitMs, fullWaitMs, rackId }: ReaderOptions,
  maxFetchWaitMs: number,
  maxBatchBytes = DEFAULT_MAX_RECORD_BYTES,
): NativeConfig {
  const prefetchKbytes = Math.min(Math.max(1, Math.ceil(prefetchBytes / 1024)), 2_097_151);
  return {
    'group.id': name,
    ...neverCommits,
    // Positions are always explicit; one that does not exist is a problem to report, not to guess away.
    'auto.offset.reset': 'error',
    'check.crcs': true,
    'queued.min.messages': 5_000,
    'queued.max.messages.kbytes': prefetchKbytes,
    // Per broker request; what is fetched ahead overshoots the limit by it.
    'fetch.max.bytes': Math.min(Math.max(prefetchKbytes * 1024, 1_048_576), 33_554_432),
    'fetch.message.max.bytes': partitionFetchBytes ?? DEFAULT_PARTITION_FETCH_BYTES,
    // A zstd batch is given a buffer that grows three times at a step, and never more than this: a partition whose batch
    // needs more is stuck for good (librdkafka #5260). It also bounds an answer of the broker. Said only where the default
    // is not enough.
    ...(3 * maxBatchBytes > DEFAULT_RECEIVE_BYTES ? { 'receive.message.max.bytes': 3 * maxBatchBytes } : {}),
    // The default of 1 s would stall a partition for that long whenever the prefetch limit was reached.
    'fetch.queue.backoff.ms': fullWaitMs ?? DEFAULT_FULL_WAIT_MS,
    'fetch.wait.max.ms': Math.min(fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS, maxFetchWaitMs),
    'fetch.error.backoff.ms': 200,
    ...(rackId === undefined ? {} : { 'client.rack': rackId }),
  };
}

/** Offsets are committed by the membership, with metadata; never by the client on its own. */
const neverCommits: NativeConfig = {
  'enable.auto.commit': false,
  'enable.auto.offset.store': false,
  'allow.auto.create.topics': false,
  // Messages of open or aborted transactions (somebody else's) stay invisible.
  'isolation.level': 'read_committed',
};

export function membershipConfig(options: MembershipOptions): NativeConfig {
  const { group, protocol, sessionTimeoutMs, maxPollIntervalMs, staticMemberId, rackId } = options;
  return {
    'group.id': group,
    'group.protocol': protocol,
    ...neverCommits,
    ...(protocol === 'classic' ? classicConfig(sessionTimeoutMs) : {}),
    // Also how long a rebalance waits for this member's answer. The broker wants it above the session timeout.
    'max.poll.interval.ms':
      protocol === 'classic' ? Math.max(maxPollIntervalMs, sessionTimeoutMs) : maxPollIntervalMs,
    // A member is given an explicit position and paused at once; there is nothing to reset and little to prefetch.
    'auto.offset.reset': 'error',
    'queued.min.messages': 1,
    'queued.max.messages.kbytes': 1_024,
    ...(staticMemberId === undefined ? {} : { 'group.instance.id': staticMemberId }),
    ...(rackId === undefined ? {} : { 'client.rack': rackId }),
  };
}

/** With the `consumer` protocol these belong to the broker, and the client refuses to start with them. */
function classicConfig(sessionTimeoutMs: number): NativeConfig {
  return {
    // The eager assignors stop the whole group at every change, and can abort the process at shutdown.
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': sessionTimeoutMs,
    // A member learns of a rebalance with a heartbeat; the default of 3 s is the longer part of a takeover.
    'heartbeat.interval.ms': Math.max(1, Math.min(500, Math.floor(sessionTimeoutMs / 3))),
  };
}
