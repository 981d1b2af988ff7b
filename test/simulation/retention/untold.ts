import type { Admin, Told } from '../../../src/kafka/admin.ts';
import type { KafkaDriver } from '../../../src/kafka/driver.ts';
import { failures } from '../../../src/kafka/memory/failures.ts';
import type { TopicPartition } from '../../../src/kafka/port.ts';
import type { SeededRandom } from '../../checker/seeded-random.ts';

const UNTOLD = 0.1;

/** A driver whose admin is not told of one partition or another each time: it has no leader just then. */
export function withoutSomeLeaders(driver: KafkaDriver, random: SeededRandom): KafkaDriver {
  const some = async <T extends TopicPartition>(asked: Promise<readonly Told<T>[]>) =>
    (await asked).map((answer): Told<T> => {
      if (!random.chance(UNTOLD)) return answer;
      return { topic: answer.topic, partition: answer.partition, failure: failures.noLeader };
    });
  return {
    ...driver,
    admin: async () => {
      const admin = await driver.admin();
      const changes: Partial<Admin> = {
        eachLogEnds: (partitions) => some(admin.eachLogEnds(partitions)),
        leaderEnds: (leaders) => some(admin.leaderEnds(leaders)),
        offsetsForTime: (partitions, timeMs) => some(admin.offsetsForTime(partitions, timeMs)),
      };
      return new Proxy(admin, {
        get: (target, name) => Reflect.get(name in changes ? changes : target, name),
      });
    },
  };
}
