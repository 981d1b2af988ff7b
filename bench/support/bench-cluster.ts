import { readdirSync, readFileSync } from 'node:fs';
import type { Admin } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { ClusterAddress } from '../../src/kafka/security.ts';
import { startKafka } from '../../test/support/kafka/cluster.ts';

/** The cluster that all benches of a run share: the one KAFKA_BROKERS names, or three brokers started here. */
export interface BenchCluster extends AsyncDisposable {
  readonly address: ClusterAddress;
  readonly admin: Admin;
  /** CPU time of all brokers so far, ms; undefined when they are not on this machine. */
  brokerCpuMs(): number | undefined;
}

export async function benchCluster(): Promise<BenchCluster> {
  const given = process.env['KAFKA_BROKERS'];
  if (given !== undefined && given !== '') {
    const admin = await platformaticAdmin(addressOf(given));
    const pids = brokerProcesses(given.split(','));
    return {
      address: addressOf(given),
      admin,
      brokerCpuMs: () => cpuMsOf(pids),
      [Symbol.asyncDispose]: () => admin.close(),
    };
  }
  console.log('Starting three brokers...');
  const cluster = await startKafka({
    brokerConfig: { 'log.retention.check.interval.ms': '2000', 'log.segment.delete.delay.ms': '1000' },
  });
  const admin = await platformaticAdmin(addressOf(cluster.bootstrap));
  const pids = brokerProcesses(cluster.bootstrap.split(','));
  return {
    address: addressOf(cluster.bootstrap),
    admin,
    brokerCpuMs: () => cpuMsOf(pids),
    [Symbol.asyncDispose]: async () => {
      await admin.close();
      await cluster.stop();
    },
  };
}

function addressOf(bootstrap: string): ClusterAddress {
  return {
    brokers: bootstrap.split(','),
    clientId: 'bench',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 30_000,
  };
}

/** Process ids of the brokers that listen on these addresses, when they are on this machine and it is Linux. */
function brokerProcesses(addresses: readonly string[]): string[] {
  const ports = addresses.map((address) => `:${address.split(':').at(-1)}`);
  let pids: string[] = [];
  try {
    pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return pids.filter((pid) => {
    const words = readOr(`/proc/${pid}/cmdline`, '').split('\0');
    const properties = words[words.indexOf('kafka.Kafka') + 1];
    if (!words.includes('kafka.Kafka') || properties === undefined) return false;
    const listeners = /^listeners=(.*)$/m.exec(readOr(properties, ''))?.[1] ?? '';
    return ports.some((port) => listeners.includes(port));
  });
}

/** User and system time; the kernel counts in ticks of 10 ms. */
function cpuMsOf(pids: readonly string[]): number | undefined {
  if (pids.length === 0) return undefined;
  let ticks = 0;
  for (const pid of pids) {
    const fields = readOr(`/proc/${pid}/stat`, '').split(') ')[1]?.split(' ') ?? [];
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * 10;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}
