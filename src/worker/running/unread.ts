import { PartsLostError } from '../../errors/body-errors.ts';
import { isCodecMissing } from '../../errors/codec-errors.ts';
import { KeylaneError } from '../../errors/keylane-error.ts';
import { TopicUnreadableError } from '../../errors/parked-errors.ts';
import { isStoreError, isStoreMissing } from '../../errors/store-errors.ts';
import type { Verdict } from '../core/effects.ts';
import { verdictOf } from '../core/verdict.ts';
import type { TaskEnd } from './task-runner.ts';

type HoldVerdict = Extract<Verdict, { readonly kind: 'hold' }>;

type Failed = Extract<TaskEnd, { readonly kind: 'failed' }>;

/** Until what could not be read is tried again. That took 30 s. */
const READ_AGAIN_MS = 1_000;

export function held(reason: HoldVerdict['reason'], error: unknown): Failed {
  return { kind: 'failed', verdict: { kind: 'hold', reason, error } };
}

/** What is to become of a task whose payload or body could not be read. */
export function unread(error: unknown): Failed {
  if (isOutOfReach(error)) {
    // Not an attempt, and no sign of an outage of what the type's handlers need: its other keys have done nothing.
    const verdict: Verdict = { kind: 'retry', delayMs: READ_AGAIN_MS, countAttempt: false, error };
    return { kind: 'failed', verdict };
  }
  if (error instanceof PartsLostError) return held('data-loss', error);
  if (isStoreMissing(error)) return held('store-missing', error);
  if (isCodecMissing(error)) return held('codec-missing', error);
  return isUnreadable(error) ? held('undecodable', error) : { kind: 'failed', verdict: verdictOf(error) };
}

/** What is to become of a task whose handler has ended, and cannot have had all of the body that it asked for. */
export function endWithout(failure: unknown, end: TaskEnd): TaskEnd {
  const judged = unread(failure);
  // Whatever the handler made of it: it cannot have had what was enqueued.
  if (judged.verdict.kind === 'hold' || end.kind === 'finished') return judged;
  return isOutOfReach(failure) && isPlainFailure(end) ? judged : end;
}

/** What is not here may be had another time. */
function isOutOfReach(error: unknown): boolean {
  return error instanceof TopicUnreadableError || isStoreError(error);
}

/** Nobody has said what is to become of the task. */
function isPlainFailure(end: TaskEnd): boolean {
  return end.kind === 'failed' && end.verdict.kind === 'retry' && end.verdict.delayMs === undefined;
}

/** Trying again cannot help: the record itself is at fault. */
function isUnreadable(error: unknown): boolean {
  return (
    error instanceof KeylaneError && (error.code === 'RECORD_UNDECODABLE' || error.code === 'PAYLOAD_INVALID')
  );
}
