import { setTimeout as wait } from 'node:timers/promises';
import type { KafkaDriver } from '../../src/kafka/driver.ts';

/** A driver that holds records of one topic back for some time, as a network that is slow would. */
export function heldDriver(
  driver: KafkaDriver,
  topic: string,
  holding: { readonly ms: number },
): KafkaDriver {
  return {
    embedded: driver.embedded,
    appender: async () => {
      const appender = await driver.appender();
      return {
        get incarnation() {
          return appender.incarnation;
        },
        append: async (batch) => {
          if (batch.topic === topic && holding.ms > 0) await wait(holding.ms);
          return appender.append(batch);
        },
        close: (options) => appender.close(options),
      };
    },
    reader: (options) => driver.reader(options),
    membership: (options) => driver.membership(options),
    admin: () => driver.admin(),
    close: () => driver.close(),
  };
}
