import type { Emitter } from '../telemetry/emitter.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { PinnedBy, RetentionPin, RetentionPins } from './retention/retention-health.ts';
import type { OperatorHold, WorkerEvents } from './worker-events.ts';

/** Writes down what an operator should see even when nobody listens. */
export function logEvents(events: Emitter<WorkerEvents>, logger: Logger): void {
  events.on('partition-halted', (event) =>
    logger.error(
      `partition ${event.partition} is not worked on: ${event.reason}; see what is lost, then pending.acceptLoss()`,
      { ...event },
    ),
  );
  events.on('partition-note', ({ partition, note }) =>
    logger.warn(`partition ${partition}: ${note.kind}`, { ...note }),
  );
  events.on('partition-full', (event) =>
    logger.warn(
      `partition ${event.partition} starts nothing more: ${event.openKeys} of its keys are unfinished`,
    ),
  );
  events.on('backlog-limit', (event) =>
    logger.warn(
      `partition ${event.partition} is not read on: ${event.waitingTasks} of its tasks wait behind others of their keys`,
    ),
  );
  events.on('reading-restarted', (event) =>
    logger.warn(`reading of partition ${event.partition} was begun anew`),
  );
  events.on('reading-waits', (event) =>
    logger.warn(
      `partition ${event.partition} is not read on: its leader has not said for ${Math.round(event.elapsedMs / 1_000)} s what it has of what was read`,
      { ...event },
    ),
  );
  events.on('data-loss', ({ error, ...event }) =>
    logger.error('parts of a task are gone or damaged', { ...event, error: error.message }),
  );
  events.on('task-void', (event) =>
    logger.warn('a task came too late to count; its producer has said that it is absent', { ...event }),
  );
  events.on('key-held', ({ error, ...event }) =>
    logger.error(`a key is held: ${event.reason}; its tasks wait, other keys go on`, {
      ...event,
      error: error instanceof Error ? error.message : error,
    }),
  );
  events.on('held-by-operator', (event) =>
    logger.warn(`an operator holds ${wordsFor(event)}; its tasks wait`, { ...event }),
  );
  events.on('released-by-operator', (event) =>
    logger.info(`an operator has released ${wordsFor(event)}`, { ...event }),
  );
  events.on('holds-found', (event) =>
    logger.warn(`operators hold keys or types of partition ${event.partition}; their tasks wait`, {
      ...event,
    }),
  );
  events.on('key-parked', ({ error, scope, ...event }) =>
    logger.error(`a ${scope} is parked: ${event.reason}; redrive or discard it`, {
      ...event,
      error: error instanceof Error ? error.message : error,
    }),
  );
  events.on('parking-stuck', ({ error, ...event }) =>
    logger.error('a task cannot be parked without its payload or body; its key waits, nothing is deleted', {
      ...event,
      error: error instanceof Error ? error.message : error,
    }),
  );
  events.on('redrive-failed', ({ error, ...event }) =>
    logger.error('a redriven task gave up again; it and those behind it stay parked', {
      ...event,
      error: error instanceof Error ? error.message : error,
    }),
  );
  events.on('key-redriven', (event) => logger.info('a parked key was redriven', { ...event }));
  events.on('parked-discarded', (event) => logger.warn('parked tasks were discarded', { ...event }));
  events.on('task-skipped', (event) => logger.warn('a task was skipped', { ...event }));
  events.on('task-stuck', (event) =>
    logger.error('a handler ignores its aborted signal; its key waits', { ...event }),
  );
  events.on('drain-expired', (event) => logger.warn('handlers did not end within drainMs', { ...event }));
  events.on('released-uncommitted', (event) =>
    logger.warn('a partition was given up without its last commit; finished tasks may run again', {
      ...event,
    }),
  );
  events.on('partitions-lost', ({ partitions }) =>
    logger.warn('the group took partitions away', { partitions }),
  );
  events.on('outage-began', ({ type }) =>
    logger.warn(
      `most keys of '${type}' fail and none succeeds: its tasks wait, one probe at a time, until one succeeds`,
    ),
  );
  events.on('outage-ended', ({ type }) => logger.info(`'${type}' works again`));
  events.on('hook-failed', ({ hook, error }) => logger.error(`${hook} failed`, { error }));
  events.on('hook-slow', (event) =>
    logger.warn(
      `${event.hook} has not settled for ${Math.round(event.elapsedMs / 1_000)} s; partitions wait for it`,
      { ...event },
    ),
  );
  events.on('retention-pinned', (event) => logger.warn(pinsText(event), { ...event }));
  events.on('retention-refused', ({ topic, why, failure }) =>
    logger.warn(`nothing of ${topic} can be deleted: ${why}`, { topic, failure }),
  );
  events.on('retention-alarm', (event) =>
    logger.error(
      `Kafka deletes the oldest unfinished task of partition ${event.partition} when it is ${event.timeMs} ms old, and half of that is over`,
      { ...event },
    ),
  );
  events.on('rejoining', ({ group, difference, certain }) =>
    logger[certain ? 'warn' : 'info'](
      `the worker leaves group '${group}' and joins it again: it ${difference}`,
    ),
  );
  events.on('stood-still', ({ gapMs }) => logger.warn(`the process stood still for ${Math.round(gapMs)} ms`));
}

/** So many are named; all that are known are in the fields. */
const NAMED_PINS = 3;

function pinsText({ partitions, records, worst }: RetentionPins): string {
  const where = partitions === 1 ? '1 partition' : `${partitions} partitions`;
  const named = worst.slice(0, NAMED_PINS).map(pinned);
  const rest = partitions > NAMED_PINS ? ['...'] : [];
  return `${records} records in ${where} are kept longer than asked for: ${[...named, ...rest].join('; ')}`;
}

function pinned({ topic, partition, records, by }: RetentionPin): string {
  return `${records} in ${topic}/${partition}, ${pinnedBy(by)}`;
}

function pinnedBy(by: PinnedBy): string {
  switch (by.kind) {
    case 'task':
      return `group '${by.group}' has not finished the task at ${by.partition}/${by.offset}${by.key === undefined ? '' : `, of key '${by.key}'`}`;
    case 'group':
      return `group '${by.group}' is declared and has never worked there`;
    case 'parked':
      return `key '${by.key}' is parked for group '${by.group}'`;
    case 'queue-partition':
      return `partition ${by.partition} of the queue has tasks that may need them`;
  }
}

function wordsFor({ partition, key, type }: OperatorHold): string {
  return `${type === undefined ? `key '${key}'` : `'${type}'`} in partition ${partition}`;
}
