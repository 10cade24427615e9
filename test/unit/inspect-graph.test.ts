// Drawings: all nodes and arrows, nothing on top of each other, safe whatever names files hold.

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import { build, drawGraph, inspect } from 'trt-node';
import { boxSize } from '../../lib/inspect/graph/geometry.js';
import { type Graph, categoryOf, onnxGraph, planGraph } from '../../lib/inspect/graph/graph.js';
import { layoutGraph } from '../../lib/inspect/graph/layout.js';
import { layoutRows } from '../../lib/inspect/graph/rows.js';
import type { Layout } from '../../lib/inspect/graph/geometry.js';
import { parseOnnx } from '../../lib/inspect/onnx.js';
import { randomNumbers } from '../../lib/run/random.js';
import { cli, cliJson, expectTwoLines } from '../helpers/cli.js';
import { expectError } from '../helpers/expect-error.js';
import { layer10, planInfo, tensor10 } from '../helpers/inspector.js';
import { reference } from '../helpers/reference.js';
import { tempFolder } from '../helpers/temp.js';

/** Elements of an XML text, which must be well-formed: name and attributes of each, in order. */
function parseXml(text: string): { name: string; attributes: Record<string, string> }[] {
  const open: string[] = [];
  const elements: { name: string; attributes: Record<string, string> }[] = [];
  const body = text.replace(/^<\?xml[^>]*\?>\s*/, '').replace(/<style>[^<]*<\/style>/, '');
  let position = 0;
  const tag = /<(\/?)([a-zA-Z]+)((?:\s+[a-zA-Z-]+="[^"<]*")*)\s*(\/?)>/g;
  for (const match of body.matchAll(tag)) {
    const between = body.slice(position, match.index);
    expect(between).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot|#39);)/);
    position = match.index + match[0].length;
    const [, slash, name = '', attributes = '', empty] = match;
    if (slash === '/') expect(open.pop()).toBe(name);
    else {
      const pairs = [...attributes.matchAll(/([a-zA-Z-]+)="([^"]*)"/g)];
      elements.push({
        name,
        attributes: Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value])),
      });
      if (empty !== '/') open.push(name);
    }
  }
  expect(open).toEqual([]);
  expect(body.slice(position).trim()).toBe('');
  return elements;
}

function expectNoOverlap({ boxes }: Layout): void {
  const sorted = boxes.map((box, id) => ({ ...box, id })).sort((a, b) => a.y - b.y);
  for (const [position, one] of sorted.entries()) {
    for (let next = position + 1; next < sorted.length; next++) {
      const other = sorted[next]!;
      if (other.y - one.y >= boxSize.height) break;
      expect(Math.abs(one.x - other.x), `${one.id} and ${other.id}`).toBeGreaterThanOrEqual(
        boxSize.width,
      );
    }
  }
}

/** Boxes that arrows go through, other than those that they connect. */
function crossedBoxes(graph: Graph, layout: Layout): number {
  let crossed = 0;
  for (const [index, { from, to }] of graph.edges.entries()) {
    const points = layout.arrows[index]!;
    for (let step = 0; step + 1 < points.length; step++) {
      const [a, b] = [points[step]!, points[step + 1]!];
      for (const [id, box] of layout.boxes.entries()) {
        if (id === from || id === to) continue;
        const samples = [0.25, 0.5, 0.75].map((part) => ({
          x: a.x + (b.x - a.x) * part,
          y: a.y + (b.y - a.y) * part,
        }));
        const within = samples.some(
          ({ x, y }) =>
            x > box.x + 2 &&
            x < box.x + boxSize.width - 2 &&
            y > box.y + 2 &&
            y < box.y + boxSize.height - 2,
        );
        if (within) crossed++;
      }
    }
  }
  return crossed;
}

function graphOf(count: number, edges: readonly (readonly [number, number])[]): Graph {
  const nodes = Array.from({ length: count }, (_, id) => ({
    id,
    title: 'T',
    name: String(id),
    shape: '',
    category: 'other' as const,
    precision: undefined,
    details: [],
  }));
  const list = edges.map(([from, to]) => ({ from, to, tensors: [] }));
  return { title: '', subtitle: '', nodes, edges: list, note: undefined };
}

// Two branches and a sum, a scratch name that is used twice, and a loop.
const t = (name: string): ReturnType<typeof tensor10> => tensor10(name, 'Half', 1, 8);
const branches = [
  layer10('a', 'CaskConvolution', [t('x')], [t('scratch')]),
  layer10('b', 'PointWise', [t('scratch')], [t('left')]),
  layer10('c', 'gemm', [t('x')], [t('scratch')]),
  layer10('d', 'SoftMax', [t('scratch'), t('back')], [t('right'), t('back')]),
  layer10('e', 'kgen', [t('left'), t('right')], [tensor10('y', 'Float', 1, 4)]),
];

describe('a plan’s graph', () => {
  test('connects layers by tensors: who reads, reads what was written last', () => {
    const graph = planGraph(planInfo(branches).engine!, 0, 'net');
    const name = (id: number): string => graph.nodes[id]!.name;
    expect(graph.edges.map(({ from, to }) => `${name(from)}>${name(to)}`)).toEqual([
      'x>a',
      'a>b',
      'x>c',
      'c>d',
      'b>e',
      'd>e',
      'e>y',
    ]);
    expect(graph.nodes.map((node) => node.category)).toEqual([
      'io',
      'convolution',
      'pointwise',
      'matmul',
      'normalization',
      'fused',
      'io',
    ]);
    expect(graph.note).toBeUndefined();
  });

  test('of the second profile', () => {
    const second = branches.map((layer) => ({
      ...layer,
      Name: `${String(layer.Name)} [profile 1]`,
    }));
    const info = planInfo([...branches, ...second], { numOptimizationProfiles: 2 });
    const graph = planGraph(info.engine!, 1, 'net');
    expect(graph.subtitle).toBe('5 layers of profile 1');
    expect(graph.edges).toHaveLength(7);
  });

  test('of names alone has no arrows, and says what to do', () => {
    const svg = drawGraph(planInfo(['one', 'two', 'three']));
    const elements = parseXml(svg);
    expect(elements.filter(({ attributes }) => attributes['data-id'])).toHaveLength(3);
    expect(elements.filter(({ attributes }) => attributes['data-from'])).toHaveLength(0);
    expect(svg).toContain('--profilingVerbosity=detailed');
  });

  test('without any layer', () => {
    expect(() => parseXml(drawGraph(planInfo([])))).not.toThrow();
  });
});

describe('a model’s graph', () => {
  test('leaves out what is constant, and tells it where it is used', () => {
    const model = parseOnnx(readFileSync('test/fixtures/onnx/lane.onnx'), { nodes: true });
    const graph = onnxGraph(model, 'lane');
    const constant = model.operators.Constant ?? 0;
    expect(constant).toBeGreaterThan(0);
    expect(graph.nodes).toHaveLength(model.numNodes - constant + 2);
    expect(graph.subtitle).toContain(`${constant} constant ones not drawn`);
    const slice = graph.nodes.find((node) => node.title === 'Slice');
    expect(slice?.details.filter(([heading]) => heading === 'Constant')).not.toEqual([]);
    const conv = graph.nodes.find((node) => node.title === 'Conv');
    expect(conv?.details).toContainEqual(['kernel_shape', '[3,3]']);
    expect(conv?.details.some(([heading]) => heading === 'Weights')).toBe(true);
    // Everything is connected with something.
    const connected = new Set(graph.edges.flatMap(({ from, to }) => [from, to]));
    expect(connected.size).toBe(graph.nodes.length);
  });
});

test('categories', () => {
  const types = ['Conv', 'QuantizeLinear', 'MatMul', 'fused_mha_v2', 'Relu', 'Reshape', 'Cast'];
  expect(types.map((type) => categoryOf(type))).toEqual([
    'convolution',
    'quantize',
    'matmul',
    'attention',
    'pointwise',
    'shape',
    'copy',
  ]);
  expect(categoryOf('Magic')).toBe('other');
  expect(categoryOf('', '{ForeignNode[a...b]}')).toBe('fused');
});

describe('layout', () => {
  test.each(['lane', 'slow', 'two_inputs', 'dtypes'])(
    '%s: no box on another, all arrows',
    (name) => {
      const model = parseOnnx(readFileSync(`test/fixtures/onnx/${name}.onnx`), { nodes: true });
      const graph = onnxGraph(model, name);
      const layout = layoutGraph(graph);
      expectNoOverlap(layout);
      expect(crossedBoxes(graph, layout)).toBe(0);
      expect(layout.arrows).toHaveLength(graph.edges.length);
      for (const points of layout.arrows) {
        expect(points.length).toBeGreaterThanOrEqual(2);
        for (const { x, y } of points) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(layout.width);
          expect(y).toBeLessThanOrEqual(layout.height);
        }
      }
    },
  );

  test('a chain is one straight column', () => {
    const { boxes } = layoutGraph(
      graphOf(
        50,
        Array.from({ length: 49 }, (_, id) => [id, id + 1]),
      ),
    );
    expect(new Set(boxes.map(({ x }) => x)).size).toBe(1);
    expect(boxes.map(({ y }) => y)).toEqual([...boxes.map(({ y }) => y)].sort((a, b) => a - b));
  });

  test('random graphs, with and without rings', () => {
    const random = randomNumbers(11);
    for (let round = 0; round < 12; round++) {
      const count = 2 + Math.floor(random() * 40);
      const edges: [number, number][] = [];
      for (let to = 1; to < count; to++) {
        edges.push([Math.floor(random() * to), to]);
        if (random() < 0.3) edges.push([Math.floor(random() * to), to]);
        if (round % 2 === 1 && random() < 0.1) edges.push([to, Math.floor(random() * to)]);
      }
      const unique = [...new Map(edges.map((edge) => [edge.join(), edge])).values()];
      const graph = graphOf(count, unique);
      expectNoOverlap(layoutGraph(graph));
      expectNoOverlap(layoutRows(count, graph.edges));
    }
  });

  test('rings alone', () => {
    const ring = graphOf(4, [
      [0, 1],
      [1, 0],
      [2, 3],
      [3, 2],
    ]);
    expectNoOverlap(layoutGraph(ring));
    expectNoOverlap(layoutRows(4, ring.edges));
  });

  test('thousands of nodes go into rows', () => {
    const edges: [number, number][] = [];
    for (let id = 1; id < 8000; id++) {
      edges.push([id - 1, id]);
      if (id > 3) edges.push([id - 3, id]);
    }
    const layout = layoutGraph(graphOf(8000, edges));
    expect(layout.boxes).toHaveLength(8000);
    expectNoOverlap(layout);
  });
});

describe('files', () => {
  const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>&"'<!--]]>\u2028\u0000\u001b\ud800`;
  const hostile = planInfo(
    [layer10(evil, evil, [t('x')], [t('y')], { TacticName: evil, Metadata: evil, [evil]: evil })],
    { name: evil },
  );

  test('SVG: well-formed, all nodes and arrows, a legend', () => {
    const svg = drawGraph(planInfo(branches), { title: 'net <1>' });
    const elements = parseXml(svg);
    expect(elements.filter(({ attributes }) => attributes['data-id'])).toHaveLength(7);
    expect(elements.filter(({ attributes }) => attributes['data-from'])).toHaveLength(7);
    expect(svg).toContain('net &lt;1&gt;');
    for (const words of [
      'Convolution',
      'Matrix product',
      'Fused by Myelin',
      'Type of output',
      'fp16',
    ]) {
      expect(svg).toContain(words);
    }
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('SVG of hostile names', () => {
    const svg = drawGraph(hostile);
    parseXml(svg);
    expect(svg).not.toMatch(/<script|<img/);
    // eslint-disable-next-line no-control-regex -- XML forbids them
    expect(svg).not.toMatch(/[\x00-\x08\x0b-\x1f]/);
  });

  test('HTML: one page that loads nothing', () => {
    const html = drawGraph(planInfo(branches), { format: 'html' });
    expect(html).toContain("default-src 'none'");
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toMatch(/\b(src|href)\s*=|url\((?!#)|@import/);
    const code = /<script>\n([\s\S]*)<\/script>\n<\/body>/.exec(html)?.[1] ?? '';
    expect(() => new vm.Script(code)).not.toThrow();
    expect(code).not.toContain('innerHTML');
    const [, data = ''] = /id="data">(.*)<\/script>/.exec(html) ?? [];
    const { nodes, edges, boxes } = JSON.parse(data) as Record<string, unknown[]>;
    expect([nodes?.length, edges?.length, boxes?.length]).toEqual([7, 7, 7]);
  });

  test('HTML of hostile names', () => {
    const html = drawGraph(hostile, { format: 'html' });
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toContain('<img');
    const [, data = ''] = /id="data">(.*)<\/script>/.exec(html) ?? [];
    const { nodes } = JSON.parse(data) as { nodes: { name: string }[] };
    expect(nodes[1]?.name).toBe(evil);
  });

  test('what drawGraph refuses', async () => {
    await expectError(
      () => drawGraph(planInfo(undefined)),
      'ERR_TRT_INVALID_ARGUMENT',
      'layers: true',
    );
    const bare = await inspect('test/fixtures/onnx/mlp.onnx');
    await expectError(() => drawGraph(bare), 'ERR_TRT_INVALID_ARGUMENT', 'layers: true');
    const info = planInfo(branches);
    await expectError(
      () => drawGraph(info, { format: 'png' as never }),
      'ERR_TRT_INVALID_ARGUMENT',
      "'svg', 'html'",
    );
    await expectError(() => drawGraph(info, { profile: 1 }), 'ERR_TRT_INVALID_ARGUMENT', 'profile');
    const many = planInfo(Array.from({ length: 20_001 }, (_, index) => `layer ${index}`));
    await expectError(() => drawGraph(many), 'ERR_TRT_UNSUPPORTED', '20001 nodes');
  });
});

describe('trt-node inspect --graph', () => {
  test('a plan with details, as SVG and HTML', async () => {
    const folder = tempFolder();
    const plan = path.join(folder, 'lane.plan');
    writeFileSync(
      plan,
      await build({
        ...reference,
        onnx: 'test/fixtures/onnx/lane.onnx',
        profilingVerbosity: 'detailed',
        profiles: [{ input: [1, 3, 360, 640] }],
      }),
    );
    const info = await inspect(plan, { ...reference, layers: true });
    if (info.kind !== 'plan') throw new Error('no plan');
    const layers = info.engine?.layers ?? [];
    expect(layers.length).toBeGreaterThan(10);
    expect(layers[0]).toMatchObject({ type: 'Conv', onnxNodes: ['/f/f.0/Conv'], detailed: true });
    for (const format of ['svg', 'html']) {
      const file = path.join(folder, `lane.${format}`);
      const { status, stdout } = await cli(`inspect ${plan} --graph=${file}`);
      expect(status).toBe(0);
      expect(stdout).toContain(`Graph: ${file}`);
      const drawn = readFileSync(file, 'utf8').match(/data-id="/g) ?? [];
      expect(drawn).toHaveLength(layers.length + 2);
    }
  });

  test('a model; where nothing can be written', async () => {
    const file = path.join(tempFolder(), 'mlp.svg');
    const { status, data } = await cliJson(`inspect test/fixtures/onnx/mlp.onnx --graph=${file}`);
    expect(status).toBe(0);
    expect(data.graph).toBe(file);
    parseXml(readFileSync(file, 'utf8'));
    const nowhere = await cli('inspect test/fixtures/onnx/mlp.onnx --graph=/no/such/folder/a.svg');
    expectTwoLines(nowhere, 1, '[ERR_TRT_FILE]', '');
  });
});
