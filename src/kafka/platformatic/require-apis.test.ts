import { describe, expect, it } from 'vitest';
import { missingApis } from './require-apis.ts';

const kafka37 = [
  { apiKey: 2, minVersion: 0, maxVersion: 8 },
  { apiKey: 3, minVersion: 0, maxVersion: 12 },
  { apiKey: 9, minVersion: 0, maxVersion: 9 },
  { apiKey: 10, minVersion: 0, maxVersion: 4 },
  { apiKey: 15, minVersion: 0, maxVersion: 5 },
  { apiKey: 19, minVersion: 0, maxVersion: 7 },
  { apiKey: 21, minVersion: 0, maxVersion: 2 },
  { apiKey: 32, minVersion: 0, maxVersion: 4 },
];

describe('missingApis', () => {
  it('finds nothing missing in Kafka 3.7', () => {
    expect(missingApis(kafka37)).toEqual([]);
  });

  it('names what a broker lacks, with what it offers', () => {
    const older = kafka37
      .filter((api) => api.apiKey !== 32)
      .map((api) => (api.apiKey === 3 ? { ...api, maxVersion: 8 } : api));
    expect(missingApis(older)).toEqual(['Metadata 12 (offered: 0 to 8)', 'DescribeConfigs 4 (not offered)']);
  });
});
