import { type Certificates, CLIENT_NAME } from './certificates.ts';
import { SECRET, USER } from './credentials.ts';

/** The ports of one node; `saslSsl` and `ssl` only where the cluster has them. */
export interface NodePorts {
  readonly plain: number;
  readonly controller: number;
  readonly saslSsl: number | undefined;
  readonly ssl: number | undefined;
}

export interface NodePlan {
  readonly id: number;
  readonly nodes: readonly NodePorts[];
  readonly dataFolder: string;
  readonly certificates: Certificates | undefined;
  /** Kafka's own settings, over everything here. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** The content of one node's server.properties. */
export function serverProperties(plan: NodePlan): string {
  const settings = {
    ...nodeSettings(plan),
    ...topicSettings(Math.min(3, plan.nodes.length)),
    ...GROUP_SETTINGS,
    ...SMALL_BROKER,
    ...(plan.certificates === undefined ? {} : secureSettings(plan.certificates)),
    ...plan.overrides,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`)
    .join('');
}

function nodeSettings(plan: NodePlan): Record<string, string> {
  const own = plan.nodes[plan.id - 1];
  if (own === undefined) throw new RangeError(`no node ${plan.id} in a cluster of ${plan.nodes.length}`);
  const ports = [
    ['PLAINTEXT', own.plain],
    ['SASL_SSL', own.saslSsl],
    ['SSL', own.ssl],
  ] as const;
  const advertised = ports.flatMap(([name, port]) =>
    port === undefined ? [] : `${name}://127.0.0.1:${port}`,
  );
  const voters = plan.nodes.map((node, index) => `${index + 1}@127.0.0.1:${node.controller}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(plan.id),
    'controller.quorum.voters': voters.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...advertised, `CONTROLLER://127.0.0.1:${own.controller}`].join(','),
    'advertised.listeners': advertised.join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL',
    'log.dirs': plan.dataFolder,
  };
}

function topicSettings(replicas: number): Record<string, string> {
  const inSync = String(Math.max(1, replicas - 1));
  return {
    'auto.create.topics.enable': 'false',
    'default.replication.factor': String(replicas),
    'min.insync.replicas': inSync,
    'offsets.topic.num.partitions': '12',
    'offsets.topic.replication.factor': String(replicas),
    'transaction.state.log.num.partitions': '4',
    'transaction.state.log.replication.factor': String(replicas),
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': String(replicas),
    'share.coordinator.state.topic.min.isr': inSync,
  };
}

/**
 * Lets tests have members that are given up after a second or two. Who does not say so is given up after half a minute, which
 * no machine stands still for.
 */
const GROUP_SETTINGS = {
  'group.initial.rebalance.delay.ms': '100',
  'group.min.session.timeout.ms': '1000',
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '30000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '1000',
};

/** Three of them share a small machine; by default the log cleaner alone takes 128 MB of heap. */
const SMALL_BROKER = {
  'log.cleaner.dedupe.buffer.size': '4194304',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'background.threads': '4',
  'group.coordinator.threads': '2',
};

function secureSettings(certificates: Certificates): Record<string, string> {
  const sasl = (mechanism: string) => `listener.name.sasl_ssl.${mechanism}.sasl.jaas.config`;
  const login = 'org.apache.kafka.common.security';
  return {
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.certificate.chain': certificates.broker.cert,
    'ssl.keystore.key': certificates.broker.key,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.certificates': certificates.ca,
    'listener.name.sasl_ssl.ssl.client.auth': 'requested',
    'listener.name.ssl.ssl.client.auth': 'required',
    'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    [sasl('plain')]: `${login}.plain.PlainLoginModule required user_${USER}="${SECRET}";`,
    [sasl('scram-sha-256')]: `${login}.scram.ScramLoginModule required;`,
    [sasl('scram-sha-512')]: `${login}.scram.ScramLoginModule required;`,
    // Unsecured tokens: whatever principal the token names is let in.
    [sasl('oauthbearer')]:
      `${login}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
    'super.users': `User:ANONYMOUS;User:${USER};User:CN=${CLIENT_NAME}`,
  };
}
