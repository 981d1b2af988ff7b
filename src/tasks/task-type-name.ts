/** In words, for error messages. */
export const TASK_TYPE_NAME_RULE =
  '1 to 200 letters, digits and . _ : / - (ASCII), starting with a letter or a digit';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$/;

/** Whether a value can name a task type. ASCII, so that a record's type header is compared byte by byte. */
export function isTaskTypeName(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}
