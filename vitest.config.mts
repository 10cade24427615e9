import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// `npx vitest run --project unit test/unit/tensor.test.ts` runs one file. The GPU tests run only when asked for by name.
const timeouts = { unit: 10_000, lifecycle: 60_000, package: 300_000, gpu: 120_000 };
const gpuAsked = /--project[= ]gpu\b/.test(process.argv.join(' '));

type Name = keyof typeof timeouts;
const projects = (Object.keys(timeouts) as Name[]).filter((name) => name !== 'gpu' || gpuAsked);

export default defineConfig({
  test: {
    // A process a file: a native library that was opened, or told to fail, is gone with it.
    pool: 'forks',
    poolOptions: { forks: { maxForks: gpuAsked ? 1 : 2, execArgv: ['--expose-gc'] } },
    projects: projects.map((name) => ({
      // Tests may say 'trt-node' and mean the sources; test/package tests the package as it is shipped.
      resolve: { alias: { 'trt-node': fileURLToPath(new URL('lib/index.ts', import.meta.url)) } },
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        testTimeout: timeouts[name],
        hookTimeout: timeouts[name],
      },
    })),
  },
});
