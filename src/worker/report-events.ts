import { readHead } from '../codec/read-record.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import type { Emitter } from '../telemetry/emitter.ts';
import type { CoreReport, Run } from './core/effects.ts';
import type { Item } from './core/lane.ts';
import type { TaskRef, WorkerEvents } from './worker-events.ts';

/** How a task is named in events. */
export function taskRef(run: Run): TaskRef {
  const { id, type } = identityOf(run.item);
  return {
    id: id ?? '',
    type: type ?? run.item.type,
    key: keyOf(run.item),
    partition: run.partition.partition,
    offset: BigInt(run.item.offset),
    attempt: run.attempt,
    fencingToken: BigInt(run.partition.epoch),
  };
}

/** Says in users' words what the core reports. */
export function emitReport(events: Emitter<WorkerEvents>, report: CoreReport): void {
  switch (report.kind) {
    case 'partition-started':
      events.emit('partition-started', {
        partition: report.partition,
        epoch: BigInt(report.epoch),
        offset: BigInt(report.offset),
      });
      return;
    case 'partition-note':
      events.emit('partition-note', { partition: report.partition, note: report.note });
      return;
    case 'partition-halted':
      events.emit('partition-halted', {
        partition: report.partition,
        reason: report.reason,
        from: BigInt(report.from),
        to: BigInt(report.to),
      });
      return;
    case 'partition-full':
      events.emit('partition-full', { partition: report.partition, openKeys: report.openKeys });
      return;
    case 'backlog-limit':
      events.emit('backlog-limit', { partition: report.partition, waitingTasks: report.waitingTasks });
      return;
    case 'reading-waits': {
      const { partition, offset, elapsedMs } = report;
      events.emit('reading-waits', { partition, offset: BigInt(offset), elapsedMs });
      return;
    }
    case 'task-failed': {
      const { error, retryInMs, counted } = report;
      events.emit('task-failed', { ...taskRef(report.run), error, retryInMs, counted });
      return;
    }
    case 'task-discarded':
      events.emit('task-discarded', { ...taskRef(report.run), reason: report.reason });
      return;
    case 'key-held':
      events.emit('key-held', {
        partition: report.partition,
        offset: BigInt(report.offset),
        key: report.item === undefined ? utf8Of(report.key) : keyOf(report.item),
        ...identityOf(report.item),
        reason: report.reason,
        attempts: report.attempts,
        error: report.error,
      });
      return;
    case 'data-loss':
      emitLoss(events, report.run.item, report.error);
      return;
    case 'held-by-operator':
    case 'released-by-operator': {
      const { partition, type, command, by } = report;
      const key = report.key === undefined ? undefined : utf8Of(report.key);
      events.emit(report.kind, { partition, key, type, command, by });
      return;
    }
    case 'holds-found': {
      const { partition, keys, types } = report;
      events.emit('holds-found', { partition, keys: keys.map(utf8Of), types });
      return;
    }
    case 'parked':
    case 'redrive-began':
    case 'redriven':
    case 'redrive-failed':
    case 'parked-discarded':
      emitParked(events, report);
      return;
    case 'parking-stuck': {
      const { partition, mark, item, error } = report;
      const ref = { partition, key: utf8Of(report.key), mark };
      events.emit('parking-stuck', { ...ref, offset: BigInt(item.offset), ...identityOf(item), error });
      return;
    }
    case 'task-skipped': {
      const { partition, item, command, by } = report;
      const task = { partition, offset: BigInt(item.offset), key: keyOf(item), ...identityOf(item) };
      events.emit('task-skipped', { ...task, command, by });
      return;
    }
    case 'command-done': {
      const { partition, command, verb, outcome } = report;
      events.emit('command-done', { partition, command, verb, outcome });
      return;
    }
    case 'outage-began':
    case 'outage-ended':
      events.emit(report.kind, { type: report.type });
      return;
    case 'drain-expired':
      events.emit('drain-expired', { partition: report.partition, runningCount: report.runningCount });
      return;
    case 'revoked-uncommitted':
      events.emit('released-uncommitted', { partition: report.partition });
  }
}

/** Parts of a task are gone. */
export function emitLoss(events: Emitter<WorkerEvents>, item: Item, error: unknown): void {
  if (!(error instanceof PartsLostError)) return;
  const { upload, topic, partition, from, to } = error;
  const parts = { topic, partition, from: BigInt(from), to: BigInt(to) };
  const task = { partition: item.record.partition, offset: BigInt(item.offset), key: keyOf(item) };
  events.emit('data-loss', { ...task, ...identityOf(item), upload, parts, error });
}

type ParkedReport = Extract<
  CoreReport,
  { kind: 'parked' | 'redrive-began' | 'redriven' | 'redrive-failed' | 'parked-discarded' }
>;

function emitParked(events: Emitter<WorkerEvents>, report: ParkedReport): void {
  const ref = { partition: report.partition, key: utf8Of(report.key), mark: report.mark };
  switch (report.kind) {
    case 'parked': {
      const { scope, reason, error, item } = report;
      const offset = BigInt(report.offset);
      events.emit('key-parked', { ...ref, offset, scope, ...identityOf(item), reason, error });
      return;
    }
    case 'redrive-began':
      events.emit('key-redriving', ref);
      return;
    case 'redriven':
      events.emit('key-redriven', { ...ref, tasks: report.taskCount });
      return;
    case 'redrive-failed':
      events.emit('redrive-failed', { ...ref, tasks: report.taskCount, error: report.error });
      return;
    case 'parked-discarded':
      events.emit('parked-discarded', ref);
  }
}

function identityOf(item: Item | undefined): { id: string | undefined; type: string | undefined } {
  if (item === undefined) return { id: undefined, type: undefined };
  const read = readHead(item.record);
  return read.kind === 'task'
    ? { id: read.head.id, type: read.head.type }
    : { id: undefined, type: item.type === '' ? undefined : item.type };
}

function keyOf(item: Item): string {
  return item.record.key?.toString('utf8') ?? '';
}

/** Lane keys are the record's bytes as latin1. */
function utf8Of(laneKey: string): string {
  return Buffer.from(laneKey, 'latin1').toString('utf8');
}
