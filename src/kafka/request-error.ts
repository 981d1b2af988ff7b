import { type ErrorCode, KeylaneError } from '../errors/keylane-error.ts';
import type { KafkaFailure, KafkaFailureKind } from './port.ts';

const codeOf: Partial<Record<KafkaFailureKind, ErrorCode>> = {
  unreachable: 'KAFKA_UNREACHABLE',
  authentication: 'KAFKA_AUTHENTICATION_FAILED',
  authorization: 'KAFKA_AUTHORIZATION_FAILED',
  unsupported: 'KAFKA_UNSUPPORTED',
};

/** A request to Kafka failed. `failure.kind` classifies it; `failure.code` is Kafka's own error number. */
export class KafkaRequestError extends KeylaneError {
  readonly failure: KafkaFailure;

  constructor(what: string, failure: KafkaFailure, cause?: unknown) {
    const number = failure.code === undefined ? '' : ` (Kafka error ${failure.code})`;
    super(
      codeOf[failure.kind] ?? 'KAFKA_REQUEST_FAILED',
      `${what}: ${failure.message}${number}`,
      cause === undefined ? undefined : { cause },
    );
    this.failure = failure;
  }
}
