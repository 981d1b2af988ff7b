import type { KafkaFailure, KafkaFailureKind } from '../port.ts';

/** A broker answered one item of a request with an error code. */
export class BrokerRefusal extends Error {
  readonly apiCode: number;

  constructor(apiCode: number, message: string) {
    super(message);
    this.apiCode = apiCode;
  }
}

/** Kafka's protocol error codes by what they mean to us; what is not listed is `other`. */
const kindOfProtocolCode: ReadonlyMap<number, KafkaFailureKind> = new Map<number, KafkaFailureKind>([
  [3, 'unknown-topic'], // UNKNOWN_TOPIC_OR_PARTITION
  [100, 'unknown-topic'], // UNKNOWN_TOPIC_ID
  [103, 'unknown-topic'], // INCONSISTENT_TOPIC_ID
  [10, 'too-large'], // MESSAGE_TOO_LARGE
  [18, 'too-large'], // RECORD_LIST_TOO_LARGE
  [33, 'authentication'], // UNSUPPORTED_SASL_MECHANISM
  [34, 'authentication'], // ILLEGAL_SASL_STATE
  [58, 'authentication'], // SASL_AUTHENTICATION_FAILED
  [66, 'authentication'], // DELEGATION_TOKEN_EXPIRED
  [29, 'authorization'], // TOPIC_AUTHORIZATION_FAILED
  [30, 'authorization'], // GROUP_AUTHORIZATION_FAILED
  [31, 'authorization'], // CLUSTER_AUTHORIZATION_FAILED
  [53, 'authorization'], // TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  [65, 'authorization'], // DELEGATION_TOKEN_AUTHORIZATION_FAILED
  [35, 'unsupported'], // UNSUPPORTED_VERSION
  [22, 'rebalancing'], // ILLEGAL_GENERATION
  [27, 'rebalancing'], // REBALANCE_IN_PROGRESS
  [25, 'fenced'], // UNKNOWN_MEMBER_ID
  [82, 'fenced'], // FENCED_INSTANCE_ID
  [110, 'fenced'], // FENCED_MEMBER_EPOCH
  [113, 'fenced'], // STALE_MEMBER_EPOCH
  [5, 'transient'], // LEADER_NOT_AVAILABLE
  [6, 'transient'], // NOT_LEADER_OR_FOLLOWER
  [7, 'transient'], // REQUEST_TIMED_OUT: inside the cluster, e.g. waiting for replicas
  [8, 'transient'], // BROKER_NOT_AVAILABLE
  [9, 'transient'], // REPLICA_NOT_AVAILABLE
  [11, 'transient'], // STALE_CONTROLLER_EPOCH
  [13, 'transient'], // NETWORK_EXCEPTION, between brokers
  [14, 'transient'], // COORDINATOR_LOAD_IN_PROGRESS
  [15, 'transient'], // COORDINATOR_NOT_AVAILABLE: also while __consumer_offsets is being created
  [16, 'transient'], // NOT_COORDINATOR
  [19, 'transient'], // NOT_ENOUGH_REPLICAS
  [20, 'transient'], // NOT_ENOUGH_REPLICAS_AFTER_APPEND
  [41, 'transient'], // NOT_CONTROLLER
  [56, 'transient'], // KAFKA_STORAGE_ERROR: another replica takes over
  [72, 'transient'], // LISTENER_NOT_FOUND: a broker that is just starting
  [74, 'transient'], // FENCED_LEADER_EPOCH
  [75, 'transient'], // UNKNOWN_LEADER_EPOCH
  [77, 'transient'], // STALE_BROKER_EPOCH
  [78, 'transient'], // OFFSET_NOT_AVAILABLE: a new leader before its high watermark is known
  [89, 'transient'], // THROTTLING_QUOTA_EXCEEDED
  [108, 'transient'], // NEW_LEADER_ELECTED
]);

/** OpenSSL's reasons for not trusting a certificate, as Node names them. */
const certificateCodes: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REJECTED',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'HOSTNAME_MISMATCH',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Most telling first: of several failures (one a broker, say) the first kind in this list is reported. */
const precedence: readonly KafkaFailureKind[] = [
  'closed',
  'authentication',
  'authorization',
  'unsupported',
  'unknown-topic',
  'too-large',
  'fenced',
  'rebalancing',
  'transient',
  'unreachable',
  'producer-fatal',
  'other',
];

interface Finding {
  readonly kind: KafkaFailureKind;
  readonly code: number | undefined;
  readonly message: string;
}

/**
 * What a thrown value means. Errors of the client nest (one a broker, causes of causes): all are looked at.
 * `alsoSeen` are errors that connections reported on the side; the request itself then fails with a mere "closed".
 */
export function classifyFailure(error: unknown, alsoSeen: readonly unknown[] = []): KafkaFailure {
  const findings = [error, ...alsoSeen].flatMap((e) => findingsOf(e, new Set()));
  let best: Finding | undefined;
  for (const finding of findings) {
    if (best === undefined || precedence.indexOf(finding.kind) < precedence.indexOf(best.kind))
      best = finding;
  }
  if (best === undefined) return { kind: 'other', code: undefined, message: messageOf(error) };
  return { kind: best.kind, code: best.code, message: best.message };
}

interface Nested {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly apiCode?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

function findingsOf(error: unknown, visited: Set<unknown>): readonly Finding[] {
  if (typeof error !== 'object' || error === null || visited.has(error)) return [];
  visited.add(error);
  const { code, apiCode, serverErrorMessage, cause, errors } = error as Nested; // unknown fields of an unknown error
  const below = [cause, ...(Array.isArray(errors) ? (errors as unknown[]) : [])].flatMap((e) =>
    findingsOf(e, visited),
  );
  if (typeof apiCode === 'number') {
    const kind = kindOfProtocolCode.get(apiCode) ?? 'other';
    const said = typeof serverErrorMessage === 'string' && serverErrorMessage !== '';
    return [{ kind, code: apiCode, message: said ? serverErrorMessage : messageOf(error) }, ...below];
  }
  const own = typeof code === 'string' ? kindOfTextCode(code) : undefined;
  if (own === undefined) return below;
  // The innermost error of the same kind says most: "connect ECONNREFUSED 127.0.0.1:9092" beats "Connection failed".
  if (below.some((finding) => finding.kind === own)) return below;
  return [{ kind: own, code: undefined, message: reasonOf(error) }, ...below];
}

function kindOfTextCode(code: string): KafkaFailureKind | undefined {
  if (code === 'PLT_KFK_AUTHENTICATION') return 'authentication';
  if (certificateCodes.has(code) || code.startsWith('ERR_TLS_CERT_')) return 'authentication';
  // The peer refused our certificate, or the lack of one. Other ERR_SSL codes mean that it does not speak TLS at all.
  if (code.startsWith('ERR_SSL_') && code.includes('_ALERT_')) return 'authentication';
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return 'unreachable';
  if (code === 'PLT_KFK_UNSUPPORTED_API' || code === 'PLT_KFK_UNSUPPORTED') return 'unsupported';
  // The client's timeouts carry the network code too. A wrong correlation id means a stream out of step: reconnect.
  if (code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_UNEXPECTED_CORRELATION_ID') return 'unreachable';
  if (/^(ECONN|ENET|EHOST|EAI_|ENOTFOUND|ETIMEDOUT|EPIPE|EADDRNOTAVAIL)/.test(code)) return 'unreachable';
  return undefined;
}

/** The deepest message on the way down the causes: the client wraps what happened in what it tried. */
function reasonOf(error: object): string {
  let message = messageOf(error);
  let current: unknown = error;
  for (let depth = 0; depth < 8; depth += 1) {
    const { cause, errors } = current as Nested; // unknown fields of an unknown error
    const next: unknown = cause ?? (Array.isArray(errors) ? (errors as unknown[])[0] : undefined);
    if (typeof next !== 'object' || next === null) break;
    const inner = messageOf(next);
    if (inner !== '') message = inner;
    current = next;
  }
  return message === 'Connection closed'
    ? 'the broker closed the connection (does it expect TLS, or SASL?)'
    : message;
}

function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message } = error as Nested; // an unknown field of an unknown error
  return typeof message === 'string' ? message : 'an error without a message';
}
