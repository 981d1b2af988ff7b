import { BrokerRefusal } from './classify-failure.ts';
import { type Attempt, type Connection, send } from './requests.ts';

interface Range {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

const UNSUPPORTED_VERSION = 35;

/** The request versions this folder speaks: offered by every Kafka since 3.0, and by 4.x. */
const spoken = [
  { name: 'ListOffsets', apiKey: 2, version: 7 },
  { name: 'Metadata', apiKey: 3, version: 12 },
  { name: 'OffsetFetch', apiKey: 9, version: 8 },
  { name: 'FindCoordinator', apiKey: 10, version: 4 },
  { name: 'DescribeGroups', apiKey: 15, version: 5 },
  { name: 'CreateTopics', apiKey: 19, version: 7 },
  { name: 'DeleteRecords', apiKey: 21, version: 2 },
  { name: 'DescribeConfigs', apiKey: 32, version: 4 },
] as const;

/** Of what we speak, what a broker with these ranges does not. */
export function missingApis(offered: readonly Range[]): readonly string[] {
  return spoken.flatMap(({ name, apiKey, version }) => {
    const range = offered.find((api) => api.apiKey === apiKey);
    if (range === undefined) return [`${name} ${version} (not offered)`];
    const within = range.minVersion <= version && version <= range.maxVersion;
    return within ? [] : [`${name} ${version} (offered: ${range.minVersion} to ${range.maxVersion})`];
  });
}

/** Connects, and says at once what a broker lacks instead of failing in the middle later. */
export async function requireApis({ library, connections }: Attempt): Promise<void> {
  const connection = await connections.any();
  const { apiKeys } = await send(library.apiVersionsV3.api, connection, 'keylane', '0');
  const missing = missingApis(apiKeys);
  if (missing.length === 0) return;
  throw new BrokerRefusal(
    UNSUPPORTED_VERSION,
    `keylane needs Kafka 3.7 or newer; this broker lacks ${missing.join(', ')}`,
  );
}

/** Whether the broker at the other end takes this version of a request. */
export async function offers(
  { library }: Attempt,
  connection: Connection,
  { apiKey, version }: { readonly apiKey: number; readonly version: number },
): Promise<boolean> {
  const { apiKeys } = await send(library.apiVersionsV3.api, connection, 'keylane', '0');
  const range = apiKeys.find((api) => api.apiKey === apiKey);
  return range !== undefined && range.minVersion <= version && version <= range.maxVersion;
}
