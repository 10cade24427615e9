// docs/from-*.md: what they promise exists. TypeScript blocks compile; names in the right-hand columns of tables are exports, options, flags and fields.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { benchCommand } from '../../lib/cli/bench.js';
import { buildCommand } from '../../lib/cli/build.js';
import type { Command } from '../../lib/cli/command.js';
import { doctorCommand } from '../../lib/cli/doctor.js';
import { inspectCommand } from '../../lib/cli/inspect.js';
import { refitCommand } from '../../lib/cli/refit.js';
import { runCommand } from '../../lib/cli/run.js';
import { serveCommand } from '../../lib/cli/serve.js';
import { type MessageShape, configShape } from '../../lib/serving/config/fields.js';
import { fences, rightHandSpans } from '../helpers/markdown.js';
import { PublicNames } from '../helpers/public-names.js';

const folder = path.join(import.meta.dirname, '../../docs');
const pages = readdirSync(folder)
  .filter((file) => /^from-.*\.md$/.test(file))
  .map((file) => ({ file, text: readFileSync(path.join(folder, file), 'utf8') }));

/** A block that imports nothing goes on from the one before it. */
function modules({ file, text }: (typeof pages)[number]): Map<string, string> {
  const found = new Map<string, string>();
  let last = '';
  for (const fence of fences(text).filter(({ language }) => language === 'ts')) {
    if (/^import /m.test(fence.text)) {
      last = `${file} line ${fence.line}`;
      found.set(last, `${fence.text}\nexport {};\n`);
    } else {
      found.set(last, `${found.get(last) ?? ''}{\n${fence.text}\n}\n`);
    }
  }
  return found;
}

const wrongPage = {
  file: 'wrong.md',
  text: "```ts\nimport { Session } from 'trt-node';\n```\n```ts\nSession.open();\n```\n",
};
const names = new PublicNames(new Map([...pages, wrongPage].flatMap((page) => [...modules(page)])));
const problems = names.problems();

const commands = new Map(
  [
    benchCommand,
    buildCommand,
    doctorCommand,
    inspectCommand,
    refitCommand,
    runCommand,
    serveCommand,
  ].map((command) => [command.name, command]),
);

/** `--name`, `--name=value`; `--grpc-keepalive-*` are all that begin so. Flags that do nothing, or are refused, have no help. */
function hasFlag({ flags }: Command, word: string): boolean {
  const name = word.replace(/^-+/, '').replace(/=.*$/, '');
  return flags
    .filter(({ help }) => help !== undefined)
    .flatMap((flag) => [flag.name, ...(flag.aliases ?? [])])
    .some((known) => (name.endsWith('*') ? known.startsWith(name.slice(0, -1)) : known === name));
}

function configWords(shape: MessageShape, words = new Set<string>()): Set<string> {
  for (const field of shape.fields.values()) {
    if (words.has(`${shape.name}.${field.name}`)) continue;
    words.add(`${shape.name}.${field.name}`).add(field.name);
    for (const value of field.values?.keys() ?? []) words.add(value);
    if (field.message !== undefined) configWords(field.message, words);
  }
  return words;
}

const fields = configWords(configShape());

/** Names that examples give to objects of ours, and their classes. */
const variables: Record<string, readonly string[]> = {
  repo: ['ModelRepository'],
  server: ['InferenceServer'],
  session: ['Session'],
  tensor: ['Tensor', 'DeviceTensor'],
  runtime: ['Runtime'],
  engine: ['Engine'],
  context: ['ExecutionContext', 'JsContext'],
  stream: ['Stream'],
  event: ['CudaEvent'],
  buffer: ['DeviceBuffer', 'PinnedBuffer'],
  request: ['JsRequest'],
  metrics: ['Metrics'],
  refitter: ['Refitter'],
  inspector: ['EngineInspector'],
  allocator: ['GpuAllocator', 'OutputAllocator'],
  graph: ['CudaGraph'],
};

/** JavaScript's own words, settings of backends and js models, and names that stand for a reader's own. */
const other = new Set(
  (
    'await using const new for of import require true false undefined null Error Promise Float32Array Uint16Array Float16Array BigInt64Array Uint8Array Buffer ' +
    'execution timeout_ms max_restarts js summary_latencies summary_quantiles histogram_latencies triton local redis x y i n array pathOrStream pathOrBytes pinnedBuffer'
  ).split(' '),
);

/** What is wrong with a code span; '' for nothing. */
function problemOf(span: string): string {
  const words = span.replace(/^npx /, '').split(/\s+/);
  if (words[0] === 'trt-node') {
    const command = commands.get(words[1] ?? '');
    if (command === undefined) return `no command '${words[1] ?? ''}'`;
    const flag = words.slice(2).find((word) => word.startsWith('-') && !hasFlag(command, word));
    return flag === undefined ? '' : `trt-node ${command.name} has no ${flag}`;
  }
  if (span.startsWith('--')) {
    return [...commands.values()].some((command) => hasFlag(command, span)) ? '' : 'no such flag';
  }
  const literal = /^'([^']+)'$/.exec(span)?.[1];
  if (literal !== undefined) return names.has(literal) ? '' : 'no such value';
  const code = span.replace(/'[^']*'|"[^"]*"/g, "''");
  // Files, paths, packages, environment variables.
  if (/^[\w.-]*\/|^[\w-]+(\.[\w-]+)*\.(so|js|plan|onnx|txt|pbtxt|ts|npy|md)$/.test(code)) return '';
  if (/^(TRT_NODE_\w+|onnxruntime-node|sharp)$/.test(code)) return '';
  return chainProblem(code) || wordProblem(code);
}

/** `Owner.property` and `variable.property`. */
function chainProblem(code: string): string {
  for (const [, owner = '', property = ''] of code.matchAll(/(?<![\w.])(\w+)\.(\w+)/g)) {
    const owners = variables[owner] ?? (/^[A-Z]/.test(owner) ? [owner] : undefined);
    if (owners?.every((each) => !names.hasProperty(each, property))) {
      return `${owners.join(' and ')} has no ${property}`;
    }
  }
  return '';
}

function wordProblem(code: string): string {
  const unknown = [...code.matchAll(/[A-Za-z_$][\w$]*/g)]
    .map(([word]) => word)
    .find((word) => {
      const known = names.has(word) || fields.has(word) || other.has(word);
      return !known && variables[word] === undefined;
    });
  return unknown === undefined ? '' : `what is ${unknown}?`;
}

test('there are pages', () => {
  expect(pages.map(({ file }) => file)).toContain('from-triton.md');
});

test('every TypeScript block compiles', () => {
  expect(problems.filter((problem) => !problem.startsWith(wrongPage.file))).toEqual([]);
});

describe.each(pages)('$file', ({ file, text }) => {
  test('what the right-hand columns name exists', () => {
    const spans = rightHandSpans(text);
    expect(spans.length).toBeGreaterThan(20);
    const wrong = spans.flatMap(({ text: span, line }) => {
      const problem = problemOf(span);
      return problem === '' ? [] : [`${file}:${line}: \`${span}\`: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });

  test('command lines have flags that exist', () => {
    const shell = fences(text).filter(({ language }) => language === 'sh');
    const lines = shell.flatMap((fence) => fence.text.replaceAll('\\\n', ' ').split('\n'));
    const wrong = lines.flatMap((line) => {
      const span = /(?:npx )?(trt-node .*)/.exec(line.replace(/ +#.*/, ''))?.[1];
      const problem = span === undefined ? '' : problemOf(span);
      return problem === '' ? [] : [`${line}: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });

  test('links lead somewhere', () => {
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const dead = links.filter((link) => {
      const target = path.join(folder, link);
      return !readdirSync(path.dirname(target)).includes(path.basename(target));
    });
    expect(dead).toEqual([]);
  });
});

test('the checks find what is wrong', () => {
  const wrong = [
    'Session.open',
    'repo.inferAll()',
    'noSuchOption: 1',
    '--no-such-flag',
    '--model-namespacing',
    'trt-node serve --fp16',
    'trt-node serve2',
    "'float31'",
    'max_batch_sizes',
  ];
  expect(wrong.filter((span) => problemOf(span) === '')).toEqual([]);
  expect(problems.filter((problem) => problem.startsWith(wrongPage.file))).toEqual([
    expect.stringContaining("'open' does not exist"),
  ]);
});

/** Runs a block of JavaScript, or of TypeScript without types. @returns What it printed */
async function runBlock(block: string): Promise<unknown[]> {
  const code = block.replace(/^import (\{.*\}) from '(.*)';$/gm, "const $1 = await load('$2');");
  const printed: unknown[] = [];
  const body = `return (async () => {\n${code}\n})();`;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a block of our own documentation
  const run = new Function('load', 'console', body) as (
    load: (name: string) => Promise<unknown>,
    console: { log(...values: unknown[]): void },
  ) => Promise<void>;
  const load = (name: string): Promise<unknown> =>
    name === 'trt-node' ? import('../../lib/index.js') : import(name);
  await run(load, { log: (...values) => printed.push(...values) });
  return printed;
}

test('from-onnxruntime-node.md: before and after print the same', async () => {
  process.env.TRT_NODE_RUNTIME = 'reference';
  const { text } = pages.find(({ file }) => file === 'from-onnxruntime-node.md')!;
  const [before, after] = fences(text)
    .filter(({ language }) => ['js', 'ts'].includes(language))
    .map((fence) => fence.text.replace('model.onnx', 'test/fixtures/onnx/mlp.onnx'));
  const [dims, expected] = (await runBlock(before!)) as [number[], Float32Array];
  const uncached = after!.replace('{\n', '{ cacheDir: false,\n');
  const [shape, found] = (await runBlock(uncached)) as [number[], Float32Array];
  expect(found).toEqual(expected);
  expect([...shape]).toEqual(dims);
});
