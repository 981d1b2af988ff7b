/**
 * Source of a function for the browser: a document's visible state as text, one line a node, to be compared between a
 * page and its replay. What differs by design is left out: scripts and styles, what a recording must not contain
 * (class rr-block), the replayer's own marks, and attributes that only hold a form field's first value.
 */
export const describeDom = `(doc) => {
  const skipped = new Set(['SCRIPT', 'NOSCRIPT', 'STYLE', 'LINK']);
  const initial = new Set(['value', 'checked', 'selected']);
  const lines = [];
  const attributesOf = (element) =>
    [...element.attributes]
      .filter(({ name }) => !initial.has(name) && !name.startsWith('rr_'))
      .filter(({ name }) => name !== 'autocomplete') // the replayer turns it off
      .map(({ name, value }) => {
        if (name === 'class') return [name, value.split(/\\s+/).filter((word) => word && word !== ':hover').join(' ')];
        return [name, name === 'src' || name === 'href' ? new URL(value, location.origin).href : value];
      })
      .filter(([name, value]) => name !== 'class' || value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => name + '=' + JSON.stringify(value));
  const stateOf = (element) => {
    const state = [];
    if (element.tagName === 'INPUT' && (element.type === 'checkbox' || element.type === 'radio')) {
      state.push('checked:' + element.checked);
    } else if (['INPUT', 'TEXTAREA', 'SELECT'].includes(element.tagName)) {
      state.push('value:' + (element.type === 'password' ? '*'.repeat(element.value.length) : element.value));
    }
    if (element.scrollTop > 0) state.push('scrolled:' + Math.round(element.scrollTop));
    return state;
  };
  const walk = (node, depth) => {
    const indent = ' '.repeat(depth);
    if (node.nodeType === 3) {
      if (node.data.trim() !== '') lines.push(indent + JSON.stringify(node.data));
      return;
    }
    if (node.nodeType !== 1 || skipped.has(node.tagName) || node.classList.contains('rr-block')) return;
    lines.push(indent + [node.tagName.toLowerCase(), ...attributesOf(node), ...stateOf(node)].join(' '));
    for (const child of node.childNodes) walk(child, depth + 1);
  };
  walk(doc.body, 0);
  lines.push('page scrolled: ' + Math.round(doc.scrollingElement.scrollTop));
  return lines.join('\\n');
}`;
