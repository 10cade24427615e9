// What the tests share: the model, its repository, what PyTorch computed, and how near a runtime must come to that.
import { readFileSync } from 'node:fs';
import type { AddressInfo, Server } from 'node:net';
import { once } from 'node:events';
import { readNpy } from 'trt-node';
import { chooseModel } from '../../kit/models.ts';
import { chooseRuntime } from '../../kit/runtime.ts';
import { prepareRepository } from '../prepare.ts';

export const model = chooseModel(new URL('../main.ts', import.meta.url).href);
export const repository = await prepareRepository(model);
const isExact = chooseRuntime().runtime === 'reference';

/** Largest difference of a model's output from PyTorch's: FP32 on the CPU; TensorRT multiplies in TF32. */
export const outputTolerance = isExact ? 1e-4 : 3e-2;
/** The same of a score, which is between 0 and 1. */
export const scoreTolerance = isExact ? 1e-4 : 1e-2;

const expectedTexts = JSON.parse(
  readFileSync(model.file('expected/texts.json'), 'utf8'),
) as string[];
export const labels = JSON.parse(readFileSync(model.file('labels.json'), 'utf8')) as string[];
export const expectedIds = await readNpy(model.file('expected/input_ids.npy'));
export const expectedOutput = await readNpy(model.file('expected/output.npy'));

/** Texts with the label and score that follow from PyTorch's output. The service refuses the empty one. */
export const expected = expectedTexts
  .map((text, row) => {
    const scores = (expectedOutput.data as Float32Array).slice(
      row * labels.length,
      (row + 1) * labels.length,
    );
    const powers = Array.from(scores, (score) => Math.exp(score));
    const best = powers.indexOf(Math.max(...powers));
    const sum = powers.reduce((total, power) => total + power, 0);
    return { text, label: labels[best] ?? '', score: (powers[best] ?? 0) / sum };
  })
  .filter(({ text }) => text !== '');

/** Has it listen at a free port. @returns Its URL. */
export async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
