import type { TestProject } from 'vitest/node';
import { s3Jars } from '../s3/s3-server.ts';
import { startKafka } from './cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Kafka: bootstrap.servers of the cluster that all tests of a run share. */
    kafkaBrokers: string;
  }
}

/** One real cluster for the whole run: the one that KAFKA_BROKERS names, or else one started here. Never none. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Here no test waits for a repository. Who needs the jars and cannot have them says so.
  const fetched = s3Jars().catch(() => undefined);
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    project.provide('kafkaBrokers', given);
    await fetched;
    return async () => undefined;
  }
  const cluster = await startKafka();
  await fetched;
  project.provide('kafkaBrokers', cluster.bootstrap);
  return () => cluster.stop();
}
