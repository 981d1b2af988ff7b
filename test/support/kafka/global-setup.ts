import type { TestProject } from 'vitest/node';
import { startKafka } from './cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Kafka: bootstrap.servers of the cluster that all tests of a run share. */
    kafkaBrokers: string;
  }
}

/** One real cluster for the whole run: the one that KAFKA_BROKERS names, or else one started here. Never none. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    project.provide('kafkaBrokers', given);
    return async () => undefined;
  }
  const cluster = await startKafka();
  project.provide('kafkaBrokers', cluster.bootstrap);
  return () => cluster.stop();
}
