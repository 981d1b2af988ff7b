import { randomUUID } from 'node:crypto';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificates } from './certificates.ts';
import { freePorts } from './free-ports.ts';
import type { KafkaJars } from './jars.ts';
import { type NodePorts, serverProperties } from './server-properties.ts';

/** Free ports for every node. */
export async function plannedPorts(count: number, secured: boolean): Promise<NodePorts[]> {
  const ports = await freePorts(4 * count);
  const take = (): number => ports.pop() ?? 0;
  return Array.from({ length: count }, () => ({
    plain: take(),
    controller: take(),
    saslSsl: secured ? take() : undefined,
    ssl: secured ? take() : undefined,
  }));
}

/** What one node is made of. */
export interface NodeFiles {
  readonly jars: KafkaJars;
  readonly root: string;
  readonly clusterId: string;
  readonly id: number;
  readonly nodes: readonly NodePorts[];
  readonly certificates: Certificates | undefined;
  readonly jit: 'quick' | 'full';
  readonly overrides: Readonly<Record<string, string>>;
}

/**
 * Writes a node's folder: what `kafka-storage format` would, without its second of Java for every node. Gives the command
 * that runs it.
 */
export async function writeNode(files: NodeFiles): Promise<readonly string[]> {
  const folder = join(files.root, `node-${files.id}`);
  const dataFolder = join(folder, 'data');
  await mkdir(folder);
  await cp(files.jars.formattedData, dataFolder, { recursive: true });
  const directoryId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  await writeFile(
    join(dataFolder, 'meta.properties'),
    `version=1\ncluster.id=${files.clusterId}\nnode.id=${files.id}\ndirectory.id=${directoryId}\n`,
  );
  await writeFile(join(folder, 'server.properties'), serverProperties({ ...files, dataFolder }));
  await writeFile(join(files.root, 'log4j2.properties'), LOGGING);
  return javaCommand(files, join(folder, 'server.properties'));
}

const LOGGING = `status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=org.apache.kafka.server
logger.server.level=info
logger.broker.name=kafka.server.BrokerServer
logger.broker.level=info
`;

function javaCommand({ jars, root, jit }: NodeFiles, properties: string): string[] {
  const archive = jars.classArchive;
  return [
    jars.java,
    ...(jit === 'full' ? [] : ['-XX:TieredStopAtLevel=1']),
    // When the archive does not fit, the JVM does without and says nothing.
    ...(archive === undefined
      ? []
      : [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']),
    '-Xms96m',
    '-Xmx350m',
    // A limit, and not taken before it is needed: a record of 100 MB passes through several buffers of its size.
    '-XX:MaxDirectMemorySize=2g',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-Djava.awt.headless=true',
    // Native codecs are unpacked there; a killed broker leaves them behind.
    `-Djava.io.tmpdir=${root}`,
    `-Dlog4j2.configurationFile=${join(root, 'log4j2.properties')}`,
    '-cp',
    jars.classPath,
    'kafka.Kafka',
    properties,
  ];
}
