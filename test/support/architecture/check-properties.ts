import { importsOf, scanSource } from './scan-source.ts';

/** What fast-check makes by default, whatever `maxLength` says: its `size` is `small`. */
const DEFAULT_MOST = 10;

/**
 * Properties that look at less than they say: fast-check makes lists and texts of more than 10 only when `size: 'max'` is
 * asked for beside `maxLength`. One sentence each.
 */
export function checkProperties(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) => problemsOf(path, text));
}

function problemsOf(path: string, text: string): string[] {
  const source = scanSource(text);
  if (!importsOf(source).some(({ name }) => name === 'fast-check')) return [];
  const { code, strings } = source;
  const problems: string[] = [];
  for (const found of code.matchAll(/\bmaxLength\s*(?::\s*(?<most>[\w.]+))?/g)) {
    const most = Number(found.groups?.['most']?.replaceAll('_', '')); // NaN for what is only known when it runs
    if (most <= DEFAULT_MOST) continue;
    const size = /\bsize\s*:\s*"(?<string>\d+)"/.exec(ownFields(code, found.index));
    if (strings[Number(size?.groups?.['string'])] === 'max') continue;
    const above = Number.isNaN(most) ? '' : ` of ${most}`;
    problems.push(`${path}: maxLength${above} without size: 'max' is ${DEFAULT_MOST}`);
  }
  return problems;
}

/** The text of the braces around a place, without what is in braces of its own. */
function ownFields(code: string, at: number): string {
  const before = fields(code, { from: at - 1, step: -1, opening: '}', closing: '{' });
  return before + fields(code, { from: at, step: 1, opening: '{', closing: '}' });
}

/** What lies on the way to the brace that ends it, in the order of the text. */
function fields(
  code: string,
  way: { readonly from: number; readonly step: 1 | -1; readonly opening: string; readonly closing: string },
): string {
  let depth = 0;
  let passed = '';
  for (let at = way.from; at >= 0 && at < code.length && depth >= 0; at += way.step) {
    const character = code.charAt(at);
    if (character === way.opening) depth += 1;
    else if (character === way.closing) depth -= 1;
    else if (depth === 0) passed = way.step > 0 ? passed + character : character + passed;
  }
  return passed;
}
