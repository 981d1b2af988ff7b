/** Writes a path of property names and array indexes. */
export function writePath(steps: readonly PropertyKey[]): string {
  let text = '';
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (typeof step === 'string' && /^[A-Za-z_$][\w$]*$/.test(step))
      text += text === '' ? step : `.${step}`;
    else text += `[${typeof step === 'string' ? JSON.stringify(step) : String(step)}]`;
  }
  return text;
}
