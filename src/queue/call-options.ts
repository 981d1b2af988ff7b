import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { showValue } from '../options/show-value.ts';
import { unknownOption } from '../options/unknown-option.ts';

/** How a call may be ended, as plain JavaScript may give it. */
interface CallEnds {
  readonly signal?: unknown;
  readonly timeoutMs?: unknown;
}

/**
 * Checks that a call was given no other options than it has, and what ends it, before anything of it is sent. A time that is
 * over already is none to refuse: it may be what was left of another one.
 *
 * @throws OptionsError
 */
export function checkCallOptions(call: string, options: CallEnds, known: ReadonlySet<string>): void {
  const problems: OptionProblem[] = [];
  for (const name in options) {
    if (known.has(name)) continue;
    problems.push(unknownOption([name], showValue(Reflect.get(options, name), [name]), [...known]));
  }
  const { signal, timeoutMs } = options;
  if (signal !== undefined && !isSignal(signal)) {
    problems.push({
      path: 'signal',
      rule: 'must be an AbortSignal',
      value: showValue(signal, ['signal']),
      cure: 'Pass the signal of an AbortController, or AbortSignal.timeout(ms).',
    });
  }
  if (timeoutMs !== undefined && (typeof timeoutMs !== 'number' || Number.isNaN(timeoutMs))) {
    problems.push({
      path: 'timeoutMs',
      rule: 'must be a number of milliseconds',
      value: showValue(timeoutMs, ['timeoutMs']),
      cure: 'Leave it out for the default.',
    });
  }
  if (problems.length > 0) throw new OptionsError(call, problems);
}

/** Also one of another realm, or of a library. */
function isSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value;
}
