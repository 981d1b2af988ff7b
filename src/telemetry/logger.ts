/**
 * Where keylane writes what an operator should see. winston and console fit as they are; pino takes the fields first, so
 * give it in a small object that turns them round.
 */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

function line(level: string, message: string, fields: Readonly<Record<string, unknown>> | undefined): string {
  const details = fields === undefined ? '' : ` ${JSON.stringify(fields, plain)}`;
  return `keylane ${level} ${message}${details}\n`;
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Error ? value.message : value;
}

/** Warnings and errors to stderr, one line each; nothing else. The default. */
export const stderrLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => void process.stderr.write(line('warning', message, fields)),
  error: (message, fields) => void process.stderr.write(line('error', message, fields)),
};

/** Writes nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
