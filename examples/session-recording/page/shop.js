import { recordVisit } from './recorder.js';

const goods = [
  { id: 'rye', name: 'Cellar rye', note: '1 kg, dark crust', cents: 620, shape: 'loaf', colour: '#8a5a34' },
  {
    id: 'wheat',
    name: 'River wheat',
    note: '750 g, open crumb',
    cents: 540,
    shape: 'loaf',
    colour: '#d9a45f',
  },
  { id: 'baguette', name: 'Baguette', note: 'until ten only', cents: 280, shape: 'stick', colour: '#e2b36c' },
  {
    id: 'croissant',
    name: 'Croissant',
    note: 'twenty-seven layers',
    cents: 240,
    shape: 'moon',
    colour: '#e0a24e',
  },
  { id: 'bun', name: 'Cardamom bun', note: 'sticky, be warned', cents: 310, shape: 'bun', colour: '#c98548' },
  {
    id: 'pretzel',
    name: 'Pretzel',
    note: 'lye and coarse salt',
    cents: 190,
    shape: 'ring',
    colour: '#9c5b2c',
  },
  { id: 'tart', name: 'Plum tart', note: 'the slice', cents: 420, shape: 'bun', colour: '#7d4a6b' },
  { id: 'crisp', name: 'Seaweed crisp', note: 'a tall stack', cents: 350, shape: 'stick', colour: '#6f8f6a' },
];

const shapes = {
  loaf: '<path d="M10 40c0-16 12-24 26-24s26 8 26 24c0 4-2 7-6 7H16c-4 0-6-3-6-7z"/><path class="cut" d="M24 24l5 9M36 21v11M48 24l-5 9"/>',
  stick:
    '<rect x="6" y="27" width="60" height="14" rx="7" transform="rotate(-18 36 34)"/><path class="cut" d="M21 37l5-6M32 34l5-6M43 30l5-6"/>',
  moon: '<path d="M10 38c4-18 16-24 26-24s22 6 26 24c-6 4-11 3-14-2-4-5-20-5-24 0-3 5-8 6-14 2z"/><path class="cut" d="M27 19l3 10M45 19l-3 10"/>',
  bun: '<circle cx="36" cy="32" r="20"/><path class="cut" d="M36 32c0-4 6-4 6 1s-11 7-12-2 13-14 18-2"/>',
  ring: '<path fill-rule="evenodd" d="M36 12c16 0 26 9 26 20S52 52 36 52 10 43 10 32s10-20 26-20zm-9 14c-6 0-8 8-2 11 5 2 8-3 8-7s-3-4-6-4zm18 0c-3 0-6 0-6 4s3 9 8 7c6-3 4-11-2-11z"/>',
};

const firstNotes = [
  'Lost: one grey mitten, left hand, near the crane.',
  'Choir is looking for two basses. Thursday, seven.',
  'Free to a good home: a rowing boat that only leaks a little.',
];

const byId = (id) => document.getElementById(id);
const price = (cents) => `€${(cents / 100).toFixed(2)}`;

/** An element with properties and children. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function picture({ shape, colour }) {
  const made = element('span', { className: 'picture' });
  made.style.setProperty('--crust', colour);
  made.innerHTML = `<svg viewBox="0 0 72 64" aria-hidden="true">${shapes[shape]}</svg>`;
  return made;
}

const basket = new Map();

function change(good, by) {
  const count = Math.max(0, (basket.get(good.id) ?? 0) + by);
  if (count === 0) basket.delete(good.id);
  else basket.set(good.id, count);
  const row = byId(`row-${good.id}`);
  if (count === 0) row?.remove();
  else if (row === null) byId('basket').append(basketRow(good));
  else row.querySelector('output').value = String(count);
  showTotal();
}

function basketRow(good) {
  const step = (text, by, label) =>
    element('button', {
      type: 'button',
      className: 'step',
      textContent: text,
      ariaLabel: label,
      onclick: () => change(good, by),
    });
  return element(
    'li',
    { id: `row-${good.id}` },
    element('span', { className: 'what', textContent: good.name }),
    step('−', -1, `One ${good.name} less`),
    element('output', { value: '1' }),
    step('+', 1, `One ${good.name} more`),
    element('button', {
      type: 'button',
      className: 'remove',
      textContent: 'Remove',
      ariaLabel: `Remove ${good.name}`,
      onclick: () => change(good, -Infinity),
    }),
  );
}

function showTotal() {
  const count = [...basket.values()].reduce((sum, n) => sum + n, 0);
  const cents = goods.reduce((sum, good) => sum + good.cents * (basket.get(good.id) ?? 0), 0);
  byId('count').textContent = String(count);
  byId('total').textContent = price(cents);
  byId('basket-empty').hidden = count > 0;
}

function fillCounter() {
  for (const good of goods) {
    byId('counter').append(
      element(
        'li',
        { id: `good-${good.id}` },
        picture(good),
        element('h3', { textContent: good.name }),
        element('p', { textContent: good.note }),
        element(
          'div',
          { className: 'buy' },
          element('strong', { textContent: price(good.cents) }),
          element('button', {
            type: 'button',
            className: 'button',
            textContent: 'Add',
            ariaLabel: `Add ${good.name}`,
            onclick: () => change(good, 1),
          }),
        ),
      ),
    );
  }
}

function search(text) {
  let shown = 0;
  for (const good of goods) {
    const fits = `${good.name} ${good.note}`.toLowerCase().includes(text.trim().toLowerCase());
    byId(`good-${good.id}`).hidden = !fits;
    if (fits) shown += 1;
  }
  byId('nothing').hidden = shown > 0;
}

function pin(text) {
  const note = element('li', {}, element('span', { textContent: text }));
  note.append(
    element('button', {
      type: 'button',
      className: 'remove',
      textContent: 'Take down',
      ariaLabel: `Take down: ${text}`,
      onclick: () => note.remove(),
    }),
  );
  byId('notes').append(note);
  byId('notes').scrollTop = byId('notes').scrollHeight;
}

function placeOrder({ customer, way, address, time }) {
  const count = [...basket.values()].reduce((sum, n) => sum + n, 0);
  const where = way.value === 'bike' ? `to ${address.value || 'your door'}` : 'at the counter';
  byId('thanks').replaceChildren(
    element('h3', { textContent: `Thank you, ${customer.value}.` }),
    element('p', {
      textContent: `${count} ${count === 1 ? 'piece' : 'pieces'} for ${time.value}, ${where}.`,
    }),
  );
  byId('thanks').hidden = false;
  basket.clear();
  byId('basket').replaceChildren();
  showTotal();
}

fillCounter();
for (const text of firstNotes) pin(text);
byId('notes').scrollTop = 0;
byId('search').addEventListener('input', (event) => search(event.target.value));
byId('order').addEventListener('change', ({ currentTarget }) => {
  byId('address-field').hidden = currentTarget.elements.way.value !== 'bike';
});
byId('order').elements.message.addEventListener('input', (event) => {
  byId('letters').textContent = String(event.target.value.length);
});
byId('order').addEventListener('submit', (event) => {
  event.preventDefault();
  placeOrder(event.target.elements);
});
byId('note').addEventListener('submit', (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  pin(text.value);
  text.value = ''; // rrweb notices a value that is set, but not a form's reset()
});

recordVisit(byId('indicator'));
byId('replay-link').href = `/replay#${byId('indicator').dataset.session}`;
