export { runTask, type TaskEnd } from './run-task.ts';
export { testKafka } from './test-kafka.ts';
