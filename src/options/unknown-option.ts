import { nearName } from '../errors/near-name.ts';
import type { OptionProblem } from '../errors/options-error.ts';

/** An option that there is none of; the cure names the one that was probably meant. */
export function unknownOption(
  path: readonly string[],
  value: string,
  known: readonly string[],
): OptionProblem {
  const near = nearName(path.at(-1) ?? '', known);
  const cure = near === undefined ? `Known options: ${known.join(', ')}.` : `Did you mean '${near}'?`;
  return { path: path.join('.'), rule: 'is not an option', value, cure };
}
