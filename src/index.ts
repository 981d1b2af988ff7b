export type { CodecPart, CodecSubject, PayloadCodec } from './codec/payload-codec.ts';
export type {
  CopyOptions,
  GetOptions,
  ListOptions,
  PayloadStore,
  PutOptions,
} from './codec/payload-store.ts';
export { BodyTooLargeError, BodyUnreadableError, PartsLostError } from './errors/body-errors.ts';
export { CodecFailedError, CodecKeyMissingError, CodecMissingError } from './errors/codec-errors.ts';
export {
  DiscardError,
  ParkError,
  RetryLaterError,
  TaskAbortedError,
  type TaskAbortReason,
} from './errors/control-errors.ts';
export { EnqueueError, type EnqueueOutcome } from './errors/enqueue-error.ts';
export { type ErrorCode, isKeylaneError, KeylaneError } from './errors/keylane-error.ts';
export { type OptionProblem, OptionsError } from './errors/options-error.ts';
export {
  LossRefusedError,
  NotParkedError,
  ParkedTasksLostError,
  QueueClosedError,
  RedriveLoopError,
  TopicUnreadableError,
} from './errors/parked-errors.ts';
export { PayloadStoreError, type StoreFailureReason, StoreMissingError } from './errors/store-errors.ts';
export {
  KeyInvalidError,
  PayloadInvalidError,
  type PayloadIssue,
  PayloadNotSerializableError,
  RecordUndecodableError,
  TaskTooLargeError,
  TaskTypeUnknownError,
  UpcastFailedError,
} from './errors/task-errors.ts';
export { WorkerBrokenError, WorkerStateError, WorkerStuckError } from './errors/worker-errors.ts';
export type { ParkReason } from './journal/journal.ts';
export { KafkaRequestError } from './kafka/request-error.ts';
export type { OAuthToken, SaslOptions, TlsOptions } from './kafka/security.ts';
export type { RetentionOptions } from './options/retention.ts';
export {
  type CommandOutcome,
  type CommandReport,
  CommandsFailedError,
  type SentCommand,
  type SkippedMark,
} from './parked/command-report.ts';
export type { MarkRef, ParkedMark } from './parked/parked-mark.ts';
export type {
  ParkedTask,
  ParkedTaskRef,
  ReadableParkedTask,
  UndecodableParkedTask,
} from './parked/parked-task.ts';
export type {
  DiscardOptions,
  ParkedListOptions,
  ParkedShowOptions,
  ParkedTasks,
  RedriveOptions,
} from './parked/parked-tasks.ts';
export type {
  CommandOptions,
  CommandReceipt,
  HeldKey,
  HeldType,
  Holds,
  HoldTarget,
  PendingTasks,
  WaitOptions,
} from './parked/pending-tasks.ts';
export type { ParkedFilter, ParkedPage, ParkedSelection } from './parked/selection.ts';
export type { ProducerOptions } from './producer/producer-options.ts';
export type { CloseOptions } from './queue/close-options.ts';
export { connectKafka } from './queue/connect-kafka.ts';
export {
  type EnqueueBodyOptions,
  type EnqueueItem,
  EnqueueManyError,
  type EnqueueMiddleware,
  type EnqueueOptions,
  type EnqueueRequest,
  type EnqueueRest,
  type EnqueueResult,
  type OutboxRecord,
  type Receipt,
} from './queue/enqueue-types.ts';
export type { Kafka } from './queue/kafka-connection.ts';
export type { BrokerOptions, EmbeddedOptions, KafkaOptions } from './queue/kafka-options.ts';
export type { QueueOptions } from './queue/queue-options.ts';
export { TaskQueue } from './queue/task-queue.ts';
export { type FileStoreOptions, fileStore } from './store/file-store.ts';
export { defineTask, type TaskOptions } from './tasks/define-task.ts';
export type { StandardSchema } from './tasks/standard-schema.ts';
export type { BodyKind, BodySource, TaskBody, TaskBytes } from './tasks/task-body.ts';
export type {
  AnyTaskDefinition,
  BatchHandler,
  BatchOptions,
  BatchTask,
  ContextOf,
  Handler,
  Handlers,
  PayloadInput,
  PayloadOutput,
  TaskDefinition,
  TaskMap,
} from './tasks/task-map.ts';
export { type Logger, silentLogger, stderrLogger } from './telemetry/logger.ts';
export type { TopicOptions } from './topics/topic-options.ts';
export type { TopicProblem } from './topics/topic-problem.ts';
export { TopicsRefusedError } from './topics/topics-refused-error.ts';
export type { AfterGiveUp, RateLimit } from './worker/core/type-policy.ts';
export type { RevokeReason } from './worker/partition-hooks.ts';
export type {
  PinnedBy,
  RetentionAlarm,
  RetentionHealth,
  RetentionPin,
  RetentionPins,
  RetentionRefusal,
} from './worker/retention/retention-health.ts';
export type { FailureVerdict } from './worker/running/classify.ts';
export type { TaskContext, WorkerMiddleware } from './worker/running/task-context.ts';
export type { RetryOptions, TypeOptions } from './worker/type-options.ts';
export type { Worker } from './worker/worker.ts';
export type { OperatorHold, ParkedRef, TaskRef, WorkerEvents } from './worker/worker-events.ts';
export type { WorkerHealth } from './worker/worker-health.ts';
export type { RebalanceOptions, StuckOptions, WorkerOptions } from './worker/worker-options.ts';
