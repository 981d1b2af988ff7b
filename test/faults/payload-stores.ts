import type { PayloadStore } from '../../src/codec/payload-store.ts';
import type { QueueSettings } from './process-settings.ts';

/** Where the bodies of a run go beside Kafka; nowhere when its settings do not say so. Only then the client of S3 is loaded. */
export async function openStore({ s3 }: QueueSettings): Promise<PayloadStore | undefined> {
  if (s3 === undefined) return undefined;
  const { s3StoreAt } = await import('./s3-store-at.ts');
  return s3StoreAt(s3);
}
