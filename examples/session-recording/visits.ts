import type { Page } from 'playwright-core';

/** What one visitor does on the page. */
export interface Visit {
  readonly name: string;
  readonly description: string;
  readonly window: { readonly width: number; readonly height: number };
  run(page: Page): Promise<void>;
}

/** Pause between two keys, about that of a quick typist. */
const KEY_MS = 60;

async function type(page: Page, field: string, text: string): Promise<void> {
  await page.locator(field).pressSequentially(text, { delay: KEY_MS });
}

async function click(page: Page, name: string, times = 1): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await page.getByRole('button', { name, exact: true }).click();
    await page.waitForTimeout(160);
  }
}

/** Moves the pointer in a curve, as a hand does. */
async function wander(
  page: Page,
  from: readonly [number, number],
  to: readonly [number, number],
): Promise<void> {
  const steps = 14;
  for (let i = 0; i <= steps; i += 1) {
    const part = i / steps;
    const bow = Math.sin(part * Math.PI) * 60;
    await page.mouse.move(from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part - bow);
    await page.waitForTimeout(35);
  }
}

async function scroll(page: Page, byPixels: number, steps: number): Promise<void> {
  for (let i = 0; i < steps; i += 1) {
    await page.mouse.wheel(0, byPixels);
    await page.waitForTimeout(180);
  }
}

async function pin(page: Page, text: string): Promise<void> {
  await type(page, '#note [name=text]', text);
  await click(page, 'Pin it');
}

/** Differing on purpose: small and large windows, long typing, many small changes, much scrolling. */
export const visits: readonly Visit[] = [
  {
    name: 'breakfast-order',
    description: 'Fills the basket, takes something out again, orders at the counter.',
    window: { width: 1280, height: 800 },
    async run(page) {
      await wander(page, [200, 500], [420, 420]);
      await click(page, 'Add Cellar rye');
      await click(page, 'Add Croissant', 4);
      await click(page, 'Add Baguette', 2);
      await click(page, 'One Croissant less');
      await click(page, 'Remove Baguette');
      await type(page, '[name=customer]', 'Marit Olsen');
      await page.locator('[name=time]').selectOption('07:30');
      await page.locator('[name=slice]').check();
      await type(page, '[name=message]', 'The darker the better, please. And one of the ugly croissants.');
      await click(page, 'Place the order');
      await wander(page, [900, 600], [500, 200]);
    },
  },
  {
    name: 'searching',
    description: 'Types into the search field, corrects, finds nothing, finds something.',
    window: { width: 1024, height: 720 },
    async run(page) {
      await type(page, '#search', 'cardamon');
      await page.waitForTimeout(400);
      for (let i = 0; i < 8; i += 1) await page.keyboard.press('Backspace', { delay: KEY_MS });
      await type(page, '#search', 'sticky');
      await click(page, 'Add Cardamom bun', 3);
      await page.locator('#search').fill('');
      for (const word of ['plum', 'salt', 'crust', 'twenty', 'until ten']) {
        await type(page, '#search', word);
        await page.waitForTimeout(350);
        await page.locator('#search').fill('');
      }
      await click(page, 'Add Plum tart');
      await wander(page, [300, 300], [800, 500]);
    },
  },
  {
    name: 'notice-board',
    description: 'Pins notes, takes others down, scrolls the board.',
    window: { width: 1280, height: 900 },
    async run(page) {
      await pin(page, 'Found: one grey mitten, right hand.');
      await page.getByRole('button', { name: /^Take down: Free to a good home/ }).click();
      await pin(page, 'The boat has been taken. It leaked a lot.');
      await pin(page, 'Bass here, can read music if nobody hurries me.');
      await page.locator('#notes').hover();
      await scroll(page, -60, 5);
      await scroll(page, 60, 4);
      await page.getByRole('button', { name: /^Take down: Choir/ }).click();
      await pin(page, 'Choir is complete. We begin with sea shanties: "Ååh, höjden & djupet" <loudly>.');
    },
  },
  {
    name: 'reader',
    description: 'Scrolls through the page on a small window, up and down, and buys nothing.',
    window: { width: 420, height: 760 },
    async run(page) {
      await wander(page, [60, 300], [350, 500]);
      await scroll(page, 220, 12);
      await wander(page, [350, 500], [90, 200]);
      await scroll(page, -160, 9);
      await click(page, 'Add Seaweed crisp');
      await click(page, 'Remove Seaweed crisp');
      await scroll(page, 300, 9);
      await wander(page, [90, 200], [210, 650]);
    },
  },
  {
    name: 'undecided',
    description: 'Dozens of small changes to the basket, nothing ordered.',
    window: { width: 1440, height: 900 },
    async run(page) {
      for (const good of ['Cellar rye', 'River wheat', 'Pretzel', 'Plum tart'])
        await click(page, `Add ${good}`, 2);
      for (let round = 0; round < 4; round += 1) {
        await click(page, 'One Pretzel more', 3);
        await click(page, 'One Cellar rye less');
        await click(page, 'Add Cellar rye', 2);
        await click(page, 'Remove Plum tart');
        await click(page, 'Add Plum tart');
      }
      for (const good of ['Cellar rye', 'River wheat', 'Pretzel', 'Plum tart'])
        await click(page, `Remove ${good}`);
    },
  },
  {
    name: 'bike-delivery',
    description: 'Changes the way of delivery, types an address, a secret PIN and a long message.',
    window: { width: 1180, height: 860 },
    async run(page) {
      await click(page, 'Add River wheat', 2);
      await page.locator('[value=bike]').check();
      await type(page, '[name=address]', 'Slipway 3, the blue door');
      await type(page, '[name=pin]', '90210');
      await page.locator('[value=counter]').check();
      await page.waitForTimeout(300);
      await page.locator('[value=bike]').check();
      await type(page, '[name=customer]', 'Jon');
      await type(
        page,
        '[name=message]',
        'Ring twice; the dog answers first.\nIf it rains, the shed is open.',
      );
      await page.locator('[name=time]').selectOption('12:00');
      await click(page, 'Place the order');
      await scroll(page, 240, 5);
    },
  },
];
