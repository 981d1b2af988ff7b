/** Topics of a queue besides the one that bears its name. */
const suffixes = ['.state', '.parts', '.parked'] as const;

/** Kafka's limit of 249 characters, less our longest suffix. */
const LONGEST_NAME = 249 - '.parked'.length;

/**
 * What is wrong with a queue's name, which is also its topic's; undefined when nothing is. The rules are Kafka's, and
 * that no queue may sit on another one's topics.
 */
export function queueNameProblem(name: string): { readonly rule: string; readonly cure: string } | undefined {
  if (name === '' || name.length > LONGEST_NAME) {
    return { rule: `1 to ${LONGEST_NAME} characters`, cure: 'Choose another name.' };
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name) || name === '.' || name === '..') {
    return {
      rule: 'letters, digits, dots, dashes and underscores only',
      cure: 'Kafka takes no other characters in topic names: choose another name.',
    };
  }
  if (name.startsWith('__')) {
    return {
      rule: 'not starting with two underscores',
      cure: "Those names are Kafka's own: choose another name.",
    };
  }
  const taken = suffixes.find((suffix) => name.endsWith(suffix));
  if (taken === undefined) return undefined;
  return {
    rule: `not ending in ${suffixes.join(', ')}`,
    cure: `Topics ending in ${taken} belong to a queue: choose another name.`,
  };
}
