import type { Admin } from '../../../src/kafka/admin.ts';
import type { KafkaDriver } from '../../../src/kafka/driver.ts';
import type { RecordBatch } from '../../../src/kafka/port.ts';
import type { Around } from './world.ts';

type Change = (admin: Admin) => Partial<Admin>;

/** A driver whose admin does some things otherwise. */
function withAdmin(driver: KafkaDriver, change: Change): KafkaDriver {
  return {
    ...driver,
    admin: async () => {
      const admin = await driver.admin();
      const changes = change(admin);
      return new Proxy(admin, {
        get: (target, name) => Reflect.get(name in changes ? changes : target, name),
      });
    },
  };
}

/** Nobody can tell any more what is copied there. */
function withoutHeaders(batch: RecordBatch): RecordBatch {
  return { ...batch, records: batch.records.map((record) => ({ ...record, headers: [] })) };
}

interface RetentionMutant {
  readonly around: Around;
  readonly found: RegExp;
}

/** Ways to get purging wrong, each of which the simulation has to find. */
export const mutants: Readonly<Record<string, RetentionMutant>> = {
  'purges what its own group has committed, whatever others have': {
    around: (driver, group, { cluster }) =>
      withAdmin(driver, (admin) => ({
        deleteRecords: (positions) =>
          admin.deleteRecords(
            positions.map((position) =>
              position.topic === 'q'
                ? { ...position, offset: cluster.committed(group, position)?.offset ?? position.offset }
                : position,
            ),
          ),
      })),
    found: /^beyond a commit/,
  },
  'does not notice that offsets were set back': {
    around: (driver) => {
      const highest = new Map<string, number>();
      return withAdmin(driver, (admin) => ({
        async committedOffsets(group, partitions) {
          const found = await admin.committedOffsets(group, partitions);
          return found.map((one) => {
            const name = `${group} ${one.partition}`;
            const offset = Math.max(highest.get(name) ?? -1, one.offset ?? -1);
            highest.set(name, offset);
            return offset === -1 ? one : { ...one, offset };
          });
        },
      }));
    },
    found: /^beyond a commit|^halted: .* data-loss/,
  },
  'keeps nothing for those who set offsets back': {
    around: (driver) =>
      withAdmin(driver, (admin) => ({
        async offsetsForTime(partitions, timestampMs) {
          const found = await admin.offsetsForTime(partitions, timestampMs);
          return found.map((one) => (one.topic === 'q' ? { ...one, offset: undefined } : one));
        },
      })),
    found: /^too soon/,
  },
  'loses the tasks that it parks': {
    around: (driver) => ({
      ...driver,
      appender: async () => {
        const appender = await driver.appender();
        return {
          get incarnation() {
            return appender.incarnation;
          },
          append: (batch) => appender.append(batch.topic === 'q.parked' ? withoutHeaders(batch) : batch),
          close: (options) => appender.close(options),
        };
      },
    }),
    found: /^lost/,
  },
};
