const brand = Symbol.for('keylane.error');

/** Every code a keylane error can carry. Match on these, never on messages. */
export type ErrorCode =
  // configuration
  | 'OPTIONS_INVALID'
  | 'NATIVE_CLIENT_MISSING'
  // enqueue: bad input, nothing was sent
  | 'TASK_TYPE_UNKNOWN'
  | 'PAYLOAD_INVALID'
  | 'PAYLOAD_NOT_SERIALIZABLE'
  | 'KEY_INVALID'
  | 'TASK_TOO_LARGE'
  // enqueue: see the error's `outcome`
  | 'ENQUEUE_ABORTED'
  | 'ENQUEUE_TIMEOUT'
  | 'ENQUEUE_REFUSED'
  | 'ENQUEUE_MANY_FAILED'
  | 'ENQUEUE_UNCONFIRMED'
  | 'PREDECESSOR_FAILED'
  | 'BODY_INVALID'
  | 'BODY_SOURCE_FAILED'
  | 'UPLOAD_FAILED'
  | 'UPLOAD_TOO_LATE'
  | 'CODEC_FAILED'
  | 'PAYLOAD_STORE_FAILED'
  | 'QUEUE_CLOSED'
  // Kafka
  | 'KAFKA_UNREACHABLE'
  | 'KAFKA_AUTHENTICATION_FAILED'
  | 'KAFKA_AUTHORIZATION_FAILED'
  | 'KAFKA_REQUEST_FAILED'
  | 'KAFKA_UNSUPPORTED'
  // topics
  | 'TOPICS_REFUSED'
  // records that cannot be read
  | 'RECORD_UNDECODABLE'
  | 'PART_DAMAGED'
  | 'CODEC_MISSING'
  | 'CODEC_KEY_MISSING'
  | 'STORE_MISSING'
  | 'TASK_VERSION_NEWER'
  | 'UPCAST_FAILED'
  // worker
  | 'WORKER_STATE'
  | 'WORKER_BROKEN'
  | 'WORKER_STUCK'
  | 'PARTS_LOST'
  | 'BODY_TOO_LARGE'
  | 'BODY_UNREADABLE'
  | 'TASK_TIMEOUT'
  | 'PARTITION_LOST'
  | 'WORKER_SHUTDOWN'
  // parked and held tasks
  | 'NOT_PARKED'
  | 'PARKED_TASKS_LOST'
  | 'REDRIVE_LOOP'
  | 'COMMANDS_FAILED'
  | 'LOSS_REFUSED'
  | 'TOPIC_UNREADABLE'
  // verdicts thrown by handlers
  | 'RETRY_LATER'
  | 'PARK'
  | 'DISCARD';

/** The base of every error keylane throws. `code` says what happened, the message what to do. */
export class KeylaneError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a keylane error, also one of another installed copy of the package. */
export function isKeylaneError(value: unknown): value is KeylaneError {
  return typeof value === 'object' && value !== null && brand in value;
}
