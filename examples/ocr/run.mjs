// The demo: reads a line of printed text from each picture. Builds a plan from the ONNX model with a dynamic width, loads it, and runs
// each picture in its own width. Usage: node run.mjs [--plan=FILE] (the plan is kept there and used again)
// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Session, Tensor, build, isTensorRTError } from 'trt-node';
import { decode, height, modelFile, readPicture } from './model.mjs';

const { values: flags } = parseArgs({ options: { plan: { type: 'string' } } });
const pictures = new URL('pictures/', import.meta.url);
/** @type {{ file: string, text: string }[]} */
const expected = JSON.parse(readFileSync(new URL('expected.json', pictures), 'utf8'));

/** What is missing when TensorRT cannot be used here; anything else is a fault worth seeing. */
const missing = new Set(['ERR_TRT_NO_DRIVER', 'ERR_TRT_LIBRARY_NOT_FOUND']);

/**
 * Loads the plan, building it first where it does not exist.
 * @param {'auto' | 'reference'} runtime
 */
async function load(runtime) {
  if (flags.plan !== undefined && existsSync(flags.plan))
    return Session.load(flags.plan, { runtime });
  const started = performance.now();
  const plan = await build({
    onnx: modelFile,
    runtime,
    // Widths from a price tag to a line of a letter. The low level keeps the build short: this is no benchmark.
    profiles: [
      { x: { min: [1, 3, height, 32], opt: [1, 3, height, 320], max: [1, 3, height, 1200] } },
    ],
    builderOptimizationLevel: 1,
    ...(flags.plan === undefined ? {} : { saveEngine: flags.plan }),
    progress: ({ phase, step, steps }) => {
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[Kbuilding the plan: ${phase} ${step}/${steps}`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `Built a plan of ${(plan.length / 2 ** 20).toFixed(1)} MiB from the ONNX model in ${seconds} s.`,
  );
  return Session.load(plan, { runtime });
}

async function loadSomewhere() {
  const forced = process.env['TRT_NODE_RUNTIME'];
  if (forced !== undefined && forced !== 'auto') return load(/** @type {'auto'} */ (forced));
  try {
    return await load('auto');
  } catch (error) {
    if (!isTensorRTError(error) || !missing.has(error.code)) throw error;
    console.log(
      `No GPU with TensorRT here (${error.code}): the CPU reference runtime computes instead.`,
    );
    return load('reference');
  }
}

const session = await loadSomewhere();
const where =
  session.runtime === 'reference' ? 'CPU reference runtime' : `TensorRT ${session.version}`;
console.log(`Running on: ${where}\n`);
console.log(['picture', 'shape', 'profile', 'ms', 'text'].join('\t'));

const [input] = session.inputs;
const [output] = session.outputs;
if (input === undefined || output === undefined)
  throw new Error('the model has no input or no output');
const classes = output.shape[2] ?? 0;
let wrong = 0;
for (const { file, text } of expected) {
  const { data, shape } = await readPicture(fileURLToPath(new URL(file, pictures)));
  const feeds = { [input.name]: new Tensor('float32', data, shape) };
  const started = performance.now();
  const { [output.name]: probabilities } = await session.run(feeds);
  const milliseconds = performance.now() - started;
  const read = decode(/** @type {Float32Array} */ (probabilities?.data), classes);
  const verdict = read === text ? '' : `   WRONG, expected: ${text}`;
  if (read !== text) wrong++;
  const profile = session.profileFor({ [input.name]: shape });
  console.log([file, shape.join('x'), profile, milliseconds.toFixed(1), read + verdict].join('\t'));
}
await session.close();
console.log(
  wrong === 0
    ? `\nAll ${expected.length} texts are right.`
    : `\n${wrong} of ${expected.length} texts are wrong.`,
);
process.exitCode = wrong === 0 ? 0 : 1;
