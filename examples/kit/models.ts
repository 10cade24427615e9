// Which of an example's models is used: the full one that `npm run export` made, or the small one that lies in the repository.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { ExampleError } from './failure.ts';

/** What export.py says of the models that it made, in about.json beside them. */
export interface AboutModel {
  /** Where the weights come from, in one sentence. */
  readonly weights: string;
  /** Versions of what made it: { torch: '2.15.0' }. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface ExampleModel {
  readonly size: 'small' | 'full';
  /** Holds model.onnx (and others), about.json and expected/*.npy: inputs, and what PyTorch computed from them. */
  readonly folder: string;
  readonly about: AboutModel;
  /** A file of the folder. */
  file(name: string): string;
}

/** A folder of the example, of which `here` is import.meta.url of a file directly in it. `work` is where it keeps what it makes; git ignores it. */
export function exampleFolder(here: string): { root: string; work: string } {
  const root = path.dirname(fileURLToPath(here));
  return { root, work: path.join(root, 'work') };
}

/**
 * The full model where `npm run export` has made it, else the small one. TRT_NODE_EXAMPLES_MODEL=small or =full asks for one.
 * @throws ExampleError when the one asked for is not there.
 */
export function chooseModel(here: string): ExampleModel {
  const { root, work } = exampleFolder(here);
  const asked = process.env.TRT_NODE_EXAMPLES_MODEL ?? '';
  if (asked !== '' && asked !== 'small' && asked !== 'full') {
    throw new ExampleError(
      `TRT_NODE_EXAMPLES_MODEL is '${asked}'.`,
      "Set it to 'small' or 'full', or not at all.",
    );
  }
  const full = path.join(work, 'full');
  const isThere = existsSync(path.join(full, 'about.json'));
  if (asked === 'full' && !isThere) {
    throw new ExampleError(
      `The full model is not in ${path.relative(process.cwd(), full)}.`,
      `Make it: npm run export --workspace=examples/${path.basename(root)} (needs PyTorch: pip install torch).`,
    );
  }
  const size = asked === 'small' || !isThere ? 'small' : 'full';
  const folder = size === 'full' ? full : path.join(root, 'small');
  const about = JSON.parse(readFileSync(path.join(folder, 'about.json'), 'utf8')) as AboutModel;
  return { size, folder, about, file: (name) => path.join(folder, name) };
}

/** The sentence that every example begins with. */
export function describeModel({ size, folder, about }: ExampleModel): string {
  return size === 'full'
    ? `Model: ${about.weights}`
    : `Model: the small one of this folder. ${about.weights} For the full one: npm run export --workspace=examples/${path.basename(path.dirname(folder))} (needs PyTorch).`;
}
