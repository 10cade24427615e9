// docs/from-python.md: the names on the right side of its tables are trt-node's, and TypeScript knows the members of its objects.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as trt from '../../lib/index.js';

const read = (file: string): string =>
  readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

/** Where the members of what the page calls by these names are declared. */
const files: Readonly<Record<string, string>> = {
  session: 'session.ts',
  runtime: 'runtime/runtime.ts',
  engine: 'runtime/engine.ts',
  context: 'runtime/execution-context.ts',
  stream: 'runtime/stream.ts',
  buffer: 'runtime/device-buffer.ts',
  event: 'runtime/event.ts',
  graph: 'runtime/cuda-graph.ts',
  tensor: 'tensor.ts',
};
/** Where options and members named alone may be declared. */
const options = [
  ...Object.values(files),
  'build/build.ts',
  'build/config-options.ts',
  'build/network-options.ts',
  'build/calibration.ts',
  'build/profile.ts',
  'compare/metrics.ts',
  'dtype.ts',
  'errors.ts',
  'inspect/inspect.ts',
  'log.ts',
  'platform.ts',
  'refit/sources.ts',
  'runtime/engine-info.ts',
  'runtime/refitter.ts',
  'runtime/engine-inspector.ts',
  'runtime/pinned-buffer.ts',
  'session/types.ts',
]
  .map((file) => read(`lib/${file}`))
  .join('\n');

const declared = (text: string, name: string): boolean =>
  new RegExp(`^\\s*(?:readonly |get |async |static |private )*'?${name}\\??[<(:?!]`, 'm').test(
    text,
  ) || new RegExp(`'${name}'`).test(text);

/** Code spans of the last column, of tables only. */
const spans = read('docs/from-python.md')
  .split('\n')
  .filter((line) => /^\| .* \|$/.test(line) && !line.includes('trt-node |'))
  .flatMap((line) => [...(line.split(' | ').at(-1) ?? '').matchAll(/`([^`]+)`/g)])
  .map(([, code = '']) => code.replace(/'[^']*\.\w+'/g, '')); // without files

const values = new Set(Object.keys(trt));
/** Arguments that the page makes up, keywords and commands. */
const free = new Set(
  (
    'trt-node await new true run bench inspect name bytes pathOrBytes pathOrStream file plan feeds shapes model handle address array message ' +
    'start to from i n x y data auto elements pinnedBuffer using close BuildError output'
  ).split(' '),
);

test('every name on the right side exists', () => {
  expect(spans.length).toBeGreaterThan(150);
  const unknown = spans.flatMap((span) => {
    const members = [...span.matchAll(/\b([a-z]\w*)\.([a-zA-Z]\w*)/g)].filter(
      ([, owner = '', member = '']) => !declared(read(`lib/${files[owner] ?? 'index.ts'}`), member),
    );
    const words = (span.match(/(?<![.\w])[A-Za-z][\w-]*/g) ?? []).filter(
      (word) =>
        !(word in files) && !values.has(word) && !free.has(word) && !declared(options, word),
    );
    return [...members.map(([text]) => text), ...words];
  });
  expect(unknown).toEqual([]);
});
