import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GroupMember } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { readEventLogs } from './event-log.ts';

interface ReportOptions {
  readonly brokers: readonly string[];
  readonly group: string;
  readonly folder: string;
  readonly lives: readonly string[];
}

const CONNECT_MS = 5_000;
const EVENTS = 3;
const LINES = 3;

/** What to know when partitions are not shared out: what the coordinator believes, and the last that each worker said. */
export async function groupReport({ brokers, group, folder, lives }: ReportOptions): Promise<string> {
  const address = { brokers, clientId: 'keylane-faults', tls: undefined, sasl: undefined };
  const believed = await membersOf({ ...address, connectTimeoutMs: CONNECT_MS }, group);
  const events = readEventLogs(folder);
  const said = lives.map((life) => {
    const last = events.filter(({ process }) => process === life).slice(-EVENTS);
    return `${life} said ${[...last.map((event) => JSON.stringify(event)), ...lastLines(folder, life)].join(' ')}`;
  });
  return [`the coordinator says ${believed}`, ...said].join('; ');
}

async function membersOf(address: Parameters<typeof platformaticAdmin>[0], group: string): Promise<string> {
  try {
    const admin = await platformaticAdmin(address);
    try {
      const protocol = await admin.groupProtocol(group);
      return [protocol, ...(await admin.groupMembers(group)).map(shown)].join(', ');
    } finally {
      await admin.close();
    }
  } catch (error) {
    return String(error);
  }
}

function shown({ owns, shouldOwn }: GroupMember): string {
  const listed = (partitions: GroupMember['owns']): string => partitions.map((p) => p.partition).join(' ');
  return `[${listed(owns)}] to become [${listed(shouldOwn)}]`;
}

/** Of what it wrote for people. */
function lastLines(folder: string, life: string): readonly string[] {
  return readFileSync(join(folder, `${life}.stderr`), 'utf8')
    .trim()
    .split('\n')
    .slice(-LINES);
}
