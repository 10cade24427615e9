// The peers' rows of the speed table: PyTorch and ONNX Runtime, in Python and in this process. What is missing is a row that says what to install.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Tensor, writeNpy } from 'trt-node';
import { type Latency, latencyOf } from '../kit/figures.ts';
import type { ExampleModel } from '../kit/models.ts';

/** How much is measured of each row. */
export interface Limits {
  readonly loops: number;
  /** At most, after a 60th of it to warm up. */
  readonly seconds: number;
}

/** A row of the table: measured, with the logits that came out, or missing. */
export type Row = { readonly what: string } & (
  { readonly latency: Latency; readonly logits: readonly number[] } | { readonly missing: string }
);

export interface Sentence {
  readonly input_ids: Tensor;
  readonly segment_ids: Tensor;
}

/** Times some calls in turn, so that what changes meanwhile touches all of them alike. @returns Milliseconds of each. */
export async function timeInTurn(
  calls: readonly (() => Promise<unknown>)[],
  { loops, seconds }: Limits,
): Promise<Latency[]> {
  const times: number[][] = calls.map(() => []);
  const until = async (rounds: number, most: number, keep: boolean): Promise<void> => {
    const begun = performance.now();
    for (let round = 0; round < rounds; round++) {
      if (round > 1 && performance.now() - begun >= most) return;
      for (const [index, call] of calls.entries()) {
        const started = performance.now();
        await call();
        if (keep) times[index]!.push(performance.now() - started);
      }
    }
  };
  await until(Infinity, (seconds * 1000) / 60, false);
  await until(loops, seconds * 1000 * calls.length, true);
  return times.map(latencyOf);
}

const pytorchRows = ['CPU', 'GPU', 'GPU, TF32', 'GPU, FP16'].map((on) => `PyTorch, ${on}`);
const onnxRuntimeRows = ['CPU', 'GPU'].map((on) => `ONNX Runtime, ${on}, Python`);

/** In a Python process: PyTorch or ONNX Runtime. @param names - The rows, where that fails. */
async function inPython(
  peer: 'pytorch' | 'onnxruntime',
  names: readonly string[],
  args: readonly string[],
): Promise<Row[]> {
  const { TRT_NODE_TORCH_PYTHON, TRT_NODE_PYTHON } = process.env;
  const python = TRT_NODE_TORCH_PYTHON ?? TRT_NODE_PYTHON ?? 'python3';
  const script = fileURLToPath(new URL('time_peers.py', import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(python, [script, peer, ...args]);
    const rows = JSON.parse(stdout) as {
      what: string;
      missing?: string;
      milliseconds: number[];
      logits: number[][];
    }[];
    return rows.map(({ what, missing, milliseconds, logits }) =>
      missing === undefined
        ? { what, latency: latencyOf(milliseconds), logits: logits[0] ?? [] }
        : { what, missing },
    );
  } catch (error) {
    const { code, stderr, message } = error as {
      code?: unknown;
      stderr?: string;
      message: string;
    };
    const missing =
      code === 'ENOENT'
        ? `Python 3.10 or newer (${python} cannot be run; TRT_NODE_PYTHON names another)`
        : (stderr?.trimEnd().split('\n').at(-1) ?? message);
    return names.map((what) => ({ what, missing }));
  }
}

/** The package onnxruntime-node, in this process. */
async function onnxRuntimeNode(
  model: ExampleModel,
  sentence: Sentence,
  limits: Limits,
): Promise<Row> {
  let ort;
  try {
    ort = await import('onnxruntime-node');
  } catch {
    const missing = 'npm install onnxruntime-node --onnxruntime-node-install=skip';
    return { what: 'onnxruntime-node, CPU', missing };
  }
  const what = `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common}, CPU`;
  const { InferenceSession, Tensor } = ort;
  const tensorOf = ({ data, shape }: Tensor): InstanceType<typeof Tensor> =>
    new Tensor('int32', data as Int32Array, shape);
  const feeds = {
    input_ids: tensorOf(sentence.input_ids),
    segment_ids: tensorOf(sentence.segment_ids),
  };
  const session = await InferenceSession.create(model.file('model.onnx'), { logSeverityLevel: 3 });
  try {
    const [latency] = await timeInTurn([() => session.run(feeds)], limits);
    const { output } = await session.run(feeds);
    return { what, latency: latency!, logits: Array.from(output!.data as Float32Array) };
  } finally {
    await session.release();
  }
}

/** Everything that is not trt-node. `work` is where the sentence is put for Python. */
export async function timePeers(
  model: ExampleModel,
  work: string,
  sentence: Sentence,
  limits: Limits,
): Promise<Row[]> {
  const files = [path.join(work, 'input_ids.npy'), path.join(work, 'segment_ids.npy')] as const;
  await writeNpy(files[0], sentence.input_ids);
  await writeNpy(files[1], sentence.segment_ids);
  const args = [model.folder, ...files, String(limits.loops), String(limits.seconds)];
  // One after another: each may use all cores.
  return [
    ...(await inPython('pytorch', pytorchRows, args)),
    ...(await inPython('onnxruntime', onnxRuntimeRows, args)),
    await onnxRuntimeNode(model, sentence, limits),
  ];
}
