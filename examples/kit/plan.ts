// Builds an example's plan once, and says what it does meanwhile.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type BuildOptions, build } from 'trt-node';
import { chooseRuntime } from './runtime.ts';

/** What a plan was built from: another model, other options or another place want another plan. */
function keyOf(onnx: string, options: PlanRecipe): string {
  const { size, mtimeMs } = statSync(onnx);
  return JSON.stringify({ onnx, size, mtimeMs, options, place: chooseRuntime().name });
}

/** Options of build() that JSON can keep. */
export type PlanRecipe = Omit<
  BuildOptions,
  'onnx' | 'saveEngine' | 'progress' | 'signal' | 'calibration'
>;

/**
 * Builds `saveEngine` from `onnx`, or leaves it as it is where it was built from the same.
 * @returns Seconds that it took; 0 where nothing was to be done.
 */
export async function ensurePlan(
  onnx: string,
  saveEngine: string,
  options: PlanRecipe = {},
): Promise<number> {
  const key = keyOf(onnx, options);
  const keyFile = `${saveEngine}.key`;
  if (existsSync(saveEngine) && existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key)
    return 0;
  mkdirSync(path.dirname(saveEngine), { recursive: true });
  const name = path.basename(saveEngine);
  const isTerminal = process.stderr.isTTY;
  const started = performance.now();
  // Interrupted, it must not be taken for what was there before.
  rmSync(keyFile, { force: true });
  await build({
    ...options,
    onnx,
    saveEngine,
    progress: ({ phase, depth, step, steps }) => {
      if (isTerminal && depth === 0)
        process.stderr.write(`\r\x1b[KBuilding ${name}: ${phase} ${step}/${steps}`);
    },
  });
  if (isTerminal) process.stderr.write('\r\x1b[K');
  writeFileSync(keyFile, key);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `Built ${name} (${(statSync(saveEngine).size / 2 ** 20).toFixed(1)} MiB) for ${chooseRuntime().name} in ${seconds.toFixed(1)} s.`,
  );
  return seconds;
}
