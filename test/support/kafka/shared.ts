import { inject } from 'vitest';

/** host:port of the brokers that all tests of this run share. Tests that kill brokers start their own: cluster.ts. */
export function kafkaBrokers(): string[] {
  return inject('kafkaBrokers').split(',');
}
