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
          testTimeout: 20_000,
        },
      },
      {
        ...base,
        test: {
          name: 'kafka',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/kafka/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
