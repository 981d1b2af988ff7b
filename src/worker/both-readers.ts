import type { Reader } from '../kafka/port.ts';

/** Both, or an error and none left open. */
export async function bothReaders(
  first: Promise<Reader>,
  second: Promise<Reader>,
): Promise<[Reader, Reader]> {
  try {
    return await Promise.all([first, second]);
  } catch (error) {
    for (const opened of await Promise.allSettled([first, second])) {
      if (opened.status === 'fulfilled') await opened.value.close();
    }
    throw error;
  }
}
