import { existsSync } from 'node:fs';

const usual = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * The installed Chromium, or the one that CHROMIUM_PATH names.
 *
 * @throws Error saying how to get one
 */
export function chromiumPath(): string {
  const path = [process.env['CHROMIUM_PATH'] ?? '', ...usual].find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new Error(
      'No Chromium was found. Install it (Debian: apt-get install chromium), or name one: CHROMIUM_PATH=/path/to/chromium.',
    );
  }
  return path;
}
