import { defineConfig } from 'vitest/config';

const source = { conditions: ['keylane-source'] };
const base = { resolve: source, ssr: { resolve: source } };

export default defineConfig({
  test: {
    projects: [
      {
        ...base,
        test: {
          name: 'unit',
          include: ['{src,examples,bench,test}/**/*.test.ts'],
          exclude: ['test/integration/**'],
          typecheck: { enabled: false },
          // No test of these is about seconds of the machine it runs on, which may stand still for some.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 30_000 } },
          // The default leaves one core to nobody: on two cores half of the time.
          maxWorkers: '100%',
        },
      },
      {
        ...base,
        test: {
          name: 'kafka',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/kafka/global-setup.ts'],
          // Each wait in them ends by itself: this is for what hangs.
          testTimeout: 600_000,
          expect: { poll: { timeout: 30_000 } },
          hookTimeout: 300_000,
          // These tests wait for most of their time, and each has topics, groups and, where it kills brokers, a cluster of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
