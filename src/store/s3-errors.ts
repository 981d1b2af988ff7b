import { S3ServiceException } from '@aws-sdk/client-s3';
import type { StoreFailureReason } from '../errors/store-errors.ts';

/** What an error of the client means. A bucket that is not there is no missing object: somebody has misspelt it. */
export function reasonOf(error: unknown): StoreFailureReason {
  if (!isService(error)) return 'failed';
  if (error.name === 'NoSuchKey' || error.name === 'NotFound') return 'missing';
  if (error.name === 'NoSuchBucket') return 'unreachable';
  const status = error.$metadata.httpStatusCode;
  return status === 401 || status === 403 ? 'denied' : 'failed';
}

/** Whether the same request may succeed another time: nothing was answered, or that the server is not well. */
export function mayPass(error: unknown): boolean {
  if (!isService(error)) return true;
  const status = error.$metadata.httpStatusCode ?? 0;
  if (status === 501) return false; // it never will
  return status < 400 || status >= 500 || status === 408 || status === 429 || error.name === 'RequestTimeout';
}

/** There is no such byte in the object. */
export function wasBeyondEnd(error: unknown): boolean {
  return isService(error) && error.$metadata.httpStatusCode === 416;
}

/** The parts of an upload are gone: it was completed, or given up. */
export function isOver(error: unknown): boolean {
  return isService(error) && error.name === 'NoSuchUpload';
}

function isService(error: unknown): error is S3ServiceException {
  return error instanceof S3ServiceException;
}
