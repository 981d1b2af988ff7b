import { afterAll, beforeAll, describe, type TestContext } from 'vitest';
import { describeAdmin } from './admin.ts';
import { describeAdminOfLogs } from './admin-logs.ts';
import { describeAppending } from './appending.ts';
import { describeClosing } from './closing.ts';
import { describeCommits } from './commits.ts';
import { describeMembership } from './membership.ts';
import { Bench, type PortCapabilities, type PortUnderTest } from './port-under-test.ts';
import { describeReading } from './reading.ts';

/** What a suite of cases is given. */
export interface Subject {
  readonly bench: (test: TestContext) => Bench;
  readonly can: PortCapabilities;
}

/** Registers the same cases for every implementation of the port. */
export function describeKafkaPort(
  name: string,
  open: () => Promise<PortUnderTest>,
  can: PortCapabilities,
): void {
  describe(name, { concurrent: can.takesTime }, () => {
    let port: PortUnderTest;
    beforeAll(async () => {
      port = await open();
    });
    afterAll(() => port.close());
    const subject: Subject = { bench: (test) => new Bench(port, test), can };

    describeAppending(subject);
    describeReading(subject);
    describeMembership(subject, 'classic');
    describeMembership(subject, 'consumer');
    describeCommits(subject);
    describeAdmin(subject);
    describeAdminOfLogs(subject);
    describeClosing(subject);
  });
}
