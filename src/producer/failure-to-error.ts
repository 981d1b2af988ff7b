import { EnqueueError, type EnqueueSubject } from '../errors/enqueue-error.ts';
import { type ErrorCode, isKeylaneError } from '../errors/keylane-error.ts';
import { QueueClosedError } from '../errors/parked-errors.ts';
import { TaskTooLargeError } from '../errors/task-errors.ts';
import type { KafkaFailure } from '../kafka/port.ts';
import type { Failure } from './core/effects.ts';
import type { Stage } from './core/item.ts';
import { UploadError, type UploadFailure } from './upload/upload-error.ts';

type Told = Omit<ConstructorParameters<typeof EnqueueError>[0], 'code'> & { readonly code: ErrorCode };

const again = 'Enqueue it again under the same id.';

/** What the caller's promise is rejected with. */
export function failureToError(failure: Failure, subject: EnqueueSubject): unknown {
  if (failure.kind !== 'own') return new EnqueueError(tell(failure), subject);
  const { error } = failure;
  if (!(error instanceof UploadError)) return error;
  if (error.failure.kind !== 'too-large') return new EnqueueError(tellUpload(error.failure), subject);
  const { sizeBytes, limitBytes } = error.failure;
  return new TaskTooLargeError({ type: subject.type, sizeBytes, limitBytes, what: 'its body has at least' });
}

function tell(failure: Exclude<Failure, { kind: 'own' }>): Told {
  switch (failure.kind) {
    case 'aborted':
      if (failure.reason instanceof QueueClosedError) return tellCutOff(failure.stage);
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
    case 'void':
      return tellTooLate();
    case 'closed':
      if (failure.stage === 'handed') return unconfirmedAtClose;
      return { code: 'QUEUE_CLOSED', outcome: 'absent', reason: 'was not sent: the queue is closed.' };
    case 'unconnected':
      return {
        code: isKeylaneError(failure.error) ? failure.error.code : 'KAFKA_UNREACHABLE',
        outcome: 'absent',
        reason: `was not sent, there is no connection to Kafka: ${messageOf(failure.error)}`,
        cause: failure.error,
      };
  }
}

/** Its parts may be in the log: nothing refers to them, so no worker ever sees them. */
function tellUpload(failure: Exclude<UploadFailure, { kind: 'too-large' }>): Told {
  switch (failure.kind) {
    case 'source-failed':
      return {
        code: 'BODY_SOURCE_FAILED',
        outcome: 'absent',
        reason: `was not sent: reading its body failed after ${failure.readBytes} bytes: ${messageOf(failure.cause)}. ${again} Give it a new source.`,
        cause: failure.cause,
      };
    case 'not-bytes':
      return {
        code: 'BODY_INVALID',
        outcome: 'absent',
        reason: `was not sent: its body must give Buffers or Uint8Arrays and gave ${failure.found}. A stream with an encoding set gives text: leave setEncoding() out.`,
      };
    case 'append-failed':
      return {
        code: 'UPLOAD_FAILED',
        outcome: 'absent',
        reason: `was not sent: a part of it could not be written: ${messageOf(failure.cause)}. ${again}`,
        cause: failure.cause,
      };
    case 'aborted':
      return {
        code: 'ENQUEUE_ABORTED',
        outcome: 'absent',
        reason: 'was aborted before it was sent.',
        cause: failure.reason,
      };
    case 'too-late':
      return tellTooLate();
  }
}

const unconfirmedAtClose: Told = {
  code: 'QUEUE_CLOSED',
  outcome: 'unknown',
  reason: 'was not confirmed by Kafka before the queue was closed: it may be in the log.',
};

function tellCutOff(stage: Stage): Told {
  if (stage === 'handed') return unconfirmedAtClose;
  return {
    code: 'QUEUE_CLOSED',
    outcome: 'absent',
    reason: `was not sent: the queue was closed, and its body had not come to its end, or to where it goes, in time. ${again} Give it a new source.`,
  };
}

function tellTooLate(): Told {
  return {
    code: 'UPLOAD_TOO_LATE',
    outcome: 'absent',
    reason: `took longer to upload than its parts are kept for, and does not count. ${again} Give it a source that can be read faster.`,
  };
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
    encoding: 'it was still being validated or encoded, or its body uploaded',
    ready: 'a task of its key before it was still being validated or encoded, or its body uploaded',
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
