import type { KafkaFailure, KafkaFailureKind, RecordOutcome } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';

/** librdkafka's own error numbers and Kafka's, as far as the adapter decides by them. */
export const errorCode = {
  queueFull: -184,
  revokePartitions: -174,
  assignPartitions: -175,
  state: -172,
  fatal: -150,
  messageTooLarge: 10,
  metadataTooLarge: 12,
  groupAuthorization: 30,
} as const;

const kinds: readonly (readonly [KafkaFailureKind, readonly number[]])[] = [
  // -195 transport, -193 resolve, -187 all brokers down, -185/-192/-166 timed out, -146 unknown broker
  ['unreachable', [-195, -193, -192, -187, -185, -166, -146]],
  // -181 SSL, -169 authentication; SASL mechanism, SASL state, SASL authentication
  ['authentication', [-181, -169, 33, 34, 58]],
  // topic, group, cluster, transactional id, delegation token
  ['authorization', [29, 30, 31, 53, 65]],
  // -184 queue full, -180 waiting for the coordinator, -164 for metadata; leaders, replicas, coordinators, storage
  [
    'transient',
    [-184, -180, -177, -164, -153, 5, 6, 7, 8, 9, 11, 13, 14, 15, 16, 19, 20, 41, 51, 56, 70, 71, 72, 74, 75],
  ],
  ['transient', [78, 83, 84, 88, 89, 103]],
  ['too-large', [10, 12, 18]],
  // -190 no such partition, -188 no such topic, 100 unknown topic id
  ['unknown-topic', [-190, -188, 3, 100]],
  // -144 fenced, -142 assignment lost, unknown member, fenced instance id, fenced member epoch
  ['fenced', [-144, -142, 25, 82, 110]],
  // illegal generation, rebalance in progress, stale member epoch
  ['rebalancing', [22, 27, 113]],
  // -197 client destroyed, -172 wrong state
  ['closed', [-197, -172]],
  // -150 fatal, -148 gapless guarantee; sequence, epoch and id errors of an idempotent producer
  ['producer-fatal', [-150, -148, 45, 46, 47, 59, 90]],
  ['unsupported', [-170, -165, 35, 43, 76]],
];

const kindByCode = new Map(kinds.flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const)));

/** Puts an error number into one of the port's classes. */
export function failureOf(code: number, message: string): KafkaFailure {
  return { kind: kindByCode.get(code) ?? 'other', code, message };
}

/** A broker that hangs up so early refuses nobody: it is being restarted, or does not speak TLS there. */
const NO_TLS_THERE = /\bdisconnected\b.*\bSSL_HANDSHAKE\b|wrong version number/i;

const kindByText: readonly (readonly [RegExp, KafkaFailureKind])[] = [
  [NO_TLS_THERE, 'unreachable'],
  [/authentication|\bsasl\b|\bssl\b|\btls\b|certificate|\bpem\b|oauthbearer/i, 'authentication'],
  [/authorization failed|not authorized/i, 'authorization'],
  [/fatal error/i, 'producer-fatal'],
  [/transport|resol|brokers? (connections )?(are )?down|timed out|refused|disconnected/i, 'unreachable'],
  [/coordinator|not available|leader/i, 'transient'],
];

/** `sasl_ssl://b1:9093/bootstrap`: how the client names a broker, which says nothing about what went wrong. */
const BROKER_NAME = /\b\w+:\/\/\S+/g;

/** For the client's events and log lines, which carry a text and no number. */
export function failureOfText(text: string): KafkaFailure {
  const bare = text.replaceAll(BROKER_NAME, '');
  const kind = kindByText.find(([pattern]) => pattern.test(bare))?.[1] ?? 'other';
  return { kind, code: undefined, message: withLikelyCause(text) };
}

/** The client asks this itself when it notices the end of the connection while it writes, but not while it reads. */
function withLikelyCause(text: string): string {
  if (!NO_TLS_THERE.test(text) || text.includes('PLAINTEXT')) return text;
  return `${text}: connecting to a PLAINTEXT listener?`;
}

/** Whatever the client, or this adapter, threw or passed on. -1 is the client's "no number known". */
export function failureOfError(error: unknown): KafkaFailure {
  if (error instanceof KafkaRequestError) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'number' && code !== -1 ? failureOf(code, message) : failureOfText(message);
}

/** Refused for what the record or the topic is: an earlier attempt of the same record met the same refusal. */
const refusedByNature = new Set([
  2, // corrupt message
  4, // invalid message size
  10, // message too large
  17, // invalid topic
  18, // record list too large
  32, // invalid timestamp
  42, // invalid request
  43, // unsupported for the message format
  44, // policy violation
  76, // unsupported compression type
  87, // invalid record
]);

/**
 * Refused for what the principal or the cluster is *now*: an earlier attempt may have got through before it changed.
 * Into a partition that never acknowledged anything it surely did not.
 */
const refusedForNow = new Set([-190, -188, 3, 29, 31, 100]);

/**
 * What a delivery report with an error says about the record. `absent` only where no earlier attempt of the client can
 * have been appended: the client retries by itself and does not say whether it did.
 */
export function outcomeOfFailedDelivery(failure: KafkaFailure, partitionIsWarm: boolean): RecordOutcome {
  const code = failure.code ?? 0;
  if (refusedByNature.has(code) || (refusedForNow.has(code) && !partitionIsWarm)) {
    return { kind: 'absent', failure };
  }
  return { kind: 'unknown', failure };
}

/** Errors of a commit that hold for the whole group, not for one of its partitions. */
export function concernsWholeGroup(failure: KafkaFailure): boolean {
  switch (failure.kind) {
    case 'fenced':
    case 'rebalancing':
    case 'transient':
    case 'unreachable':
    case 'closed':
    case 'authentication':
      return true;
    default:
      return failure.code === errorCode.groupAuthorization || failure.code === errorCode.fatal;
  }
}
