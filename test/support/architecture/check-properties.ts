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
  return `${fieldsUntil([...code.slice(0, at)].reverse(), '}', '{')
    .split('')
    .reverse()
    .join('')}${fieldsUntil([...code.slice(at)], '{', '}')}`;
}

function fieldsUntil(characters: readonly string[], opening: string, closing: string): string {
  let depth = 0;
  let fields = '';
  for (const character of characters) {
    if (character === opening) depth += 1;
    else if (character === closing) depth -= 1;
    else if (depth === 0) fields += character;
    if (depth < 0) break;
  }
  return fields;
}
