import { createRequire } from 'node:module';
import { cpus } from 'node:os';

const require = createRequire(import.meta.url);

/** What was measured, on what. */
export function versions(): string {
  const { version } = require('@confluentinc/kafka-javascript/package.json') as { version: string }; // every package has one
  const { librdkafkaVersion } = require('@confluentinc/kafka-javascript') as { librdkafkaVersion: string }; // a string since 0.1
  const cpu = cpus();
  return `Node ${process.version}, confluent client ${version} (librdkafka ${librdkafkaVersion}), ${cpu.length} x ${cpu[0]?.model ?? 'unknown CPU'}`;
}
