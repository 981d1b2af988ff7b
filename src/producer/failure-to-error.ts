import { EnqueueError, type EnqueueSubject } from '../errors/enqueue-error.ts';
import { type ErrorCode, isKeylaneError } from '../errors/keylane-error.ts';
import type { KafkaFailure } from '../kafka/port.ts';
import type { Failure } from './core/effects.ts';
import type { Stage } from './core/item.ts';

type Told = Omit<ConstructorParameters<typeof EnqueueError>[0], 'code'> & { readonly code: ErrorCode };

const again = 'Enqueue it again under the same id.';

/** What the caller's promise is rejected with. */
export function failureToError(failure: Failure, subject: EnqueueSubject): unknown {
  if (failure.kind === 'own') return failure.error;
  return new EnqueueError(tell(failure), subject);
}

function tell(failure: Exclude<Failure, { kind: 'own' }>): Told {
  switch (failure.kind) {
    case 'aborted':
      return {
        code: 'ENQUEUE_ABORTED',
        ...(failure.stage === 'handed'
          ? {
              outcome: 'unknown',
              reason: 'was aborted after it had been given to Kafka: it may be in the log.',
            }
          : { outcome: 'absent', reason: 'was aborted before it was sent.' }),
        cause: failure.reason,
      };
    case 'timeout':
      return { code: 'ENQUEUE_TIMEOUT', ...tellTimeout(failure.stage) };
    case 'refused':
      return {
        code: 'ENQUEUE_REFUSED',
        outcome: 'absent',
        reason: `was refused by Kafka: ${show(failure.failure)}.`,
      };
    case 'unconfirmed':
      return {
        code: 'ENQUEUE_UNCONFIRMED',
        outcome: 'unknown',
        reason: `was not confirmed by Kafka: ${show(failure.failure)}. It may be in the log. ${again}`,
      };
    case 'predecessor':
      return {
        code: 'PREDECESSOR_FAILED',
        outcome: 'absent',
        reason: `was not sent because task ${failure.id} of the same key, enqueued before it, failed. Enqueue both again, in their order.`,
      };
    case 'closed':
      return {
        code: 'QUEUE_CLOSED',
        ...(failure.stage === 'handed'
          ? {
              outcome: 'unknown',
              reason: 'was not confirmed by Kafka before the queue was closed: it may be in the log.',
            }
          : { outcome: 'absent', reason: 'was not sent: the queue is closed.' }),
      };
    case 'unconnected':
      return {
        code: isKeylaneError(failure.error) ? failure.error.code : 'KAFKA_UNREACHABLE',
        outcome: 'absent',
        reason: `was not sent, there is no connection to Kafka: ${messageOf(failure.error)}`,
        cause: failure.error,
      };
  }
}

function tellTimeout(stage: Stage): Pick<Told, 'outcome' | 'reason'> {
  if (stage === 'handed') {
    return {
      outcome: 'unknown',
      reason: `was given to Kafka and not confirmed within its delivery timeout: it may be in the log, or come to be. ${again}`,
    };
  }
  const waited = {
    waiting:
      'it waited for room in the buffer (producer.bufferBytes; one key may take a quarter of it, one partition half)',
    encoding: 'it was still being validated or encoded',
    ready: 'a task of its key before it was still being validated or encoded',
    sendable: 'Kafka had not confirmed what was sent to its partition before it',
    returned: 'Kafka kept refusing it for a passing reason',
    gone: 'it was given up',
  }[stage];
  return { outcome: 'absent', reason: `was not sent within its delivery timeout: ${waited}. ${again}` };
}

function show(failure: KafkaFailure): string {
  return failure.code === undefined ? failure.message : `${failure.message} (Kafka error ${failure.code})`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
