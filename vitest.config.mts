import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `npx vitest run test/unit/tensor.test.ts` runs one file. The tests of test/gpu run under node:test (npm run test:gpu), so that a bare
// GPU machine needs no devDependencies.
const timeouts = { unit: 10_000, lifecycle: 60_000, libraries: 60_000, package: 300_000 };

export default defineConfig({
  test: {
    // A process a file: a native library that was opened, or told to fail, is gone with it.
    pool: 'forks',
    poolOptions: { forks: { maxForks: 2, execArgv: ['--expose-gc'] } },
    projects: Object.entries(timeouts).map(([name, timeout]) => ({
      // Tests may say 'trt-node' and mean the sources; test/package tests the package as it is shipped.
      resolve: { alias: { 'trt-node': fileURLToPath(new URL('lib/index.ts', import.meta.url)) } },
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: timeout,
        hookTimeout: timeout,
      },
    })),
  },
});
