import { setTimeout as sleep } from 'node:timers/promises';
import { embeddedDriver } from '../../src/kafka/confluent/embedded-driver.ts';
import { describeKafkaPort } from '../conformance/port-conformance.ts';

describeKafkaPort(
  'the embedded cluster as a Kafka port',
  async () => {
    const driver = embeddedDriver();
    return {
      driver,
      tick: () => sleep(10),
      settle: () => sleep(150),
      pass: (ms) => sleep(ms),
      close: () => driver.close(),
    };
  },
  {
    takesTime: true,
    topicSettings: false,
    topicIds: false,
    logAdmin: false,
    groupProtocol: false,
    deletesRecords: false,
    evictsMembers: false,
    gathersMembers: false,
    limitsRevokes: false,
    staticMembers: false,
  },
);
