// Layers of a plan, and nodes of an ONNX model, as tables for a terminal, with totals.

import type { PlanEngineInfo } from './inspect.js';
import { type LayerInfo, type LayerTensor, countBy } from './layers.js';
import type { OnnxInfo } from './onnx-types.js';

/** How tables are printed. */
export interface TableOptions {
  /** Print names in full. Default false: the middle of long ones is left out. */
  readonly wide?: boolean;
}

const shortTypes: Readonly<Record<string, string>> = {
  float32: 'fp32',
  float16: 'fp16',
  bfloat16: 'bf16',
};

/** A type as tables and drawings say it: fp16. */
export function shortType(dtype: string | undefined): string {
  return dtype === undefined ? '' : (shortTypes[dtype] ?? dtype);
}

/** A shape: 1×64×56×56; -1 as "?". */
export function shapeText(shape: readonly (number | string)[] | undefined): string {
  if (shape === undefined) return '';
  if (shape.length === 0) return 'scalar';
  return shape.map((extent) => (extent === -1 ? '?' : extent)).join('×');
}

/** Text on one line, without control characters, which would be commands for the terminal: a name in a file may hold anything. */
export function plainText(text: string): string {
  // eslint-disable-next-line no-control-regex -- see above
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
}

/** Plain text of at most `length` characters, with "…" for what is left out in the middle. */
export function middle(text: string, length: number): string {
  const plain = plainText(text);
  if (plain.length <= length) return plain;
  const end = Math.floor((length - 1) / 2);
  return `${plain.slice(0, length - 1 - end)}…${plain.slice(plain.length - end)}`;
}

/** Rows under headings, columns as wide as they must be. */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = headings.map((heading, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), heading.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width));
  return [line(headings), line(rule), ...rows.map(line)].join('\n');
}

function tensorCell(tensor: LayerTensor): string {
  if (tensor.shape === undefined) return tensor.dtype === undefined ? '?' : shortType(tensor.dtype);
  return `${shortType(tensor.dtype)}[${shapeText(tensor.shape)}]`;
}

/** Several that are the same once, with how many. */
function tensorCells(tensors: readonly LayerTensor[]): string {
  return Object.entries(countBy(tensors.map(tensorCell)))
    .map(([cell, count]) => (count === 1 ? cell : `${count}·${cell}`))
    .join(' ');
}

function totals(layers: readonly LayerInfo[]): string {
  const types = Object.entries(countBy(layers.map((layer) => layer.type ?? '')));
  const rows = types.map(([type, count]) => {
    const precisions = countBy(
      layers
        .filter((layer) => (layer.type ?? '') === type)
        .map((layer) => shortType(layer.precision)),
    );
    const words = Object.entries(precisions)
      .filter(([precision]) => precision !== '')
      .map(([precision, many]) => `${precision} ${many}`);
    return [type === '' ? '(unknown)' : plainText(type), String(count), words.join(', ')];
  });
  return textTable(['Type', 'Layers', 'By type of output'], rows);
}

/** What to do where a plan does not tell of its layers. */
export const detailedHint =
  'The plan was built without details of its layers: their inputs, outputs, types and kernels are unknown. Build it with --profilingVerbosity=detailed to see them.';

/** The layers of each profile as a table, and how many there are of each type. */
export function layerTable(engine: PlanEngineInfo, options: TableOptions = {}): string {
  const most = options.wide === true ? Infinity : 48;
  const layers = engine.layers ?? [];
  const detailed = layers.some((layer) => layer.detailed);
  const parts: string[] = [];
  const profiles = Math.max(1, engine.numOptimizationProfiles);
  for (let profile = 0; profile < profiles; profile++) {
    const own = layers.filter((layer) => layer.profile === profile);
    const of = profiles > 1 ? `Profile ${profile}: ` : '';
    parts.push(`---- ${of}${own.length} Layer(s) ----`);
    if (!detailed) {
      parts.push(
        textTable(
          ['#', 'Name'],
          own.map(({ index, name }) => [
            String(index),
            middle(name, options.wide === true ? Infinity : 120),
          ]),
        ),
      );
      continue;
    }
    const rows = own.map((layer) => [
      String(layer.index),
      middle(layer.name, most),
      middle(layer.type ?? '', most),
      middle(
        layer.detailed ? `${tensorCells(layer.inputs)} → ${tensorCells(layer.outputs)}` : '',
        options.wide === true ? Infinity : 64,
      ),
      middle(layer.tacticName ?? layer.tacticValue ?? '', most),
      layer.streamId === undefined ? '' : String(layer.streamId),
    ]);
    parts.push(
      textTable(['#', 'Name', 'Type', 'Inputs → outputs', 'Tactic', 'Stream'], rows),
      totals(own),
    );
  }
  if (!detailed) parts.push(detailedHint);
  return `${parts.join('\n\n')}\n`;
}

/** The nodes of an ONNX model as a table. */
export function nodeTable(model: OnnxInfo, options: TableOptions = {}): string {
  const most = options.wide === true ? Infinity : 48;
  const known = new Map(
    [...model.inputs, ...model.outputs, ...model.initializers, ...(model.values ?? [])].map(
      (tensor) => [tensor.name, tensor],
    ),
  );
  const names = (list: readonly string[]): string =>
    list
      .filter((name) => name !== '')
      .map((name) => {
        const tensor = known.get(name);
        const type = tensor && `${shortType(tensor.dtype)}[${shapeText(tensor.shape)}]`;
        return `${middle(name, options.wide === true ? Infinity : 32)}${type ? ` ${type}` : ''}`;
      })
      .join(', ');
  const rows = (model.nodes ?? []).map((node, index) => [
    String(index),
    middle(node.name, most),
    middle(node.operator, most),
    middle(names(node.inputs), options.wide === true ? Infinity : 80),
    middle(names(node.outputs), options.wide === true ? Infinity : 64),
  ]);
  return `---- ${rows.length} Node(s) ----\n\n${textTable(['#', 'Name', 'Operator', 'Inputs', 'Outputs'], rows)}\n`;
}
