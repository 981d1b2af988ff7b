import { systemClock } from '../clock/clock.ts';
import type { CodecSet } from '../codec/payload-codec.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import { Control } from '../parked/control.ts';
import { newTaskId } from '../tasks/task-id.ts';
import type { TaskRegistry } from '../tasks/task-registry.ts';
import { journalAppends } from './journal-appends.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { QueueTopics } from './queue-topics.ts';

/** What a queue's parked and pending tasks are looked at and commanded with. Connects nothing by itself. */
export function queueControl(queue: {
  readonly name: string;
  readonly registry: TaskRegistry;
  readonly codecs: CodecSet;
  readonly stores: StoreSet;
  readonly kafka: KafkaConnection;
  readonly topics: QueueTopics;
}): Control {
  const { name, registry, codecs, stores, kafka, topics } = queue;
  return new Control({
    queue: name,
    registry,
    codecs,
    stores,
    driver: kafka.driver,
    admin: () => kafka.admin(),
    topics: () => topics.ensure(),
    append: (topic, record) => journalAppends(kafka.producer, topic)(record),
    partitionFor: (key) => topics.partitionFor(key),
    clock: systemClock,
    newId: () => newTaskId(Date.now()),
  });
}
