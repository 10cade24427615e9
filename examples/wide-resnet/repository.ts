// Makes work/SIZE/model_repository: the config files, the three models, and the plan, built by the report's command line.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ExampleError } from '../kit/failure.ts';
import { type ExampleModel, exampleFolder } from '../kit/models.ts';
import { chooseRuntime } from '../kit/runtime.ts';
import { commandLine } from '../kit/server.ts';

/** The report's flags of trtexec, word for word; `trt-node build` takes them. */
export const buildFlags = [
  '--onnx=model.onnx',
  '--explicitBatch',
  '--optShapes=actual_input_1:16x3x224x224',
  '--maxShapes=actual_input_1:32x3x224x224',
  '--minShapes=actual_input_1:1x3x224x224',
  '--best',
  '--saveEngine=model.plan',
  '--workspace=4096',
] as const;

/** `trt-node COMMAND FLAGS…` in a folder. @throws ExampleError with the end of what it said when it fails. */
export function trtNode(
  folder: string,
  command: string,
  flags: readonly string[],
): { stdout: string; stderr: string } {
  const options = { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const done = spawnSync(process.execPath, [commandLine, command, ...flags], options);
  if (done.status === 0) return done;
  throw new ExampleError(
    `trt-node ${command} ended with status ${done.status ?? done.signal ?? ''}:`,
    done.stderr.trimEnd().split('\n').slice(-3).join('\n'),
  );
}

/** A second name for a big file where the file system can, else a copy. */
function place(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

export interface Repository {
  readonly folder: string;
  readonly plan: string;
  /** What building the plan told; of an earlier time where it was there already. */
  readonly log: string;
}

/** The repository of `model` with everything in it; what is there already and fits is left as it is. */
export function prepareRepository(model: ExampleModel): Repository {
  const { root, work } = exampleFolder(import.meta.url);
  const folder = path.join(work, `repository-${model.size}`);
  const version = (name: string): string => path.join(folder, name, '1');
  cpSync(path.join(root, 'model_repository'), folder, { recursive: true });
  const named = model.file('labels.txt');
  // The classes of seeded weights have no names.
  const labels = existsSync(named)
    ? readFileSync(named, 'utf8')
    : Array.from({ length: 1000 }, (_, index) => `class ${index}\n`).join('');
  for (const name of ['onnx_model', 'torch_model', 'trt_model'])
    writeFileSync(path.join(folder, name, 'labels.txt'), labels);
  place(model.file('model.onnx'), path.join(version('onnx_model'), 'model.onnx'));
  place(model.file('model.pt'), path.join(version('torch_model'), 'model.pt'));

  const plan = path.join(version('trt_model'), 'model.plan');
  const { size, mtimeMs } = statSync(model.file('model.onnx'));
  const key = JSON.stringify([size, mtimeMs, chooseRuntime().name, buildFlags]);
  const logFile = path.join(work, `build-${model.size}.json`);
  if (existsSync(plan) && existsSync(logFile)) {
    const built = JSON.parse(readFileSync(logFile, 'utf8')) as { key: string; log: string };
    if (built.key === key) return { folder, plan, log: built.log };
  }
  console.log(`Building the plan: trt-node build ${buildFlags.join(' ')}`);
  if (model.size === 'full' && chooseRuntime().runtime === 'tensorrt')
    console.log('This takes a minute or two: TensorRT times the kernels of every layer.');
  mkdirSync(path.dirname(plan), { recursive: true });
  rmSync(logFile, { force: true }); // interrupted, it must not be taken for what was there before
  const built = trtNode(path.dirname(model.file('model.onnx')), 'build', [
    ...buildFlags.filter((flag) => !flag.startsWith('--saveEngine=')),
    `--saveEngine=${plan}`,
  ]);
  const log = `${built.stdout}${built.stderr}`;
  writeFileSync(logFile, JSON.stringify({ key, log }));
  return { folder, plan, log };
}
