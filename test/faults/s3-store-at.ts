import { S3Client } from '@aws-sdk/client-s3';
import type { PayloadStore } from '../../src/codec/payload-store.ts';
import { s3Store } from '../../src/store/s3-store.ts';
import type { S3Place } from './process-settings.ts';

export function s3StoreAt({ endpoint, accessKeyId, secretAccessKey, bucket }: S3Place): PayloadStore {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  return s3Store({ client, bucket });
}
