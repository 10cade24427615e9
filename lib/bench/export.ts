// The files that trtexec exports, in its formats, and the report as JSON.

import { dtypeInfo } from '../dtype.js';
import type { LayerTimes } from '../layers/layer-times.js';
import type { Tensor } from '../tensor.js';
import { durationsOf } from './device-phase.js';
import type { BenchReport, BenchTrace } from './types.js';

const timeColumns = [
  'startEnqMs',
  'endEnqMs',
  'startH2dMs',
  'endH2dMs',
  'startComputeMs',
  'endComputeMs',
  'startD2hMs',
  'endD2hMs',
] as const;

/** An array of objects, an element a line. */
function lines(elements: readonly unknown[]): string {
  return `[\n${elements.map((element) => `  ${JSON.stringify(element)}`).join(',\n')}\n]\n`;
}

/** So many queries become one string: all of a long measurement would be longer than a string can be. */
const chunk = 16_384;

/** No digits that no clock has. */
function nanoseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6) / 1e6;
}

/** --exportTimes: every query, warm-up included. */
export function timesJson(trace: BenchTrace): Uint8Array {
  const durations = durationsOf(trace, 0);
  const columns: (readonly [string, Float64Array])[] = [
    ...timeColumns.map((name) => [name, trace[name]] as const),
    ['h2dMs', durations.h2d],
    ['computeMs', durations.compute],
    ['d2hMs', durations.d2h],
    ['latencyMs', durations.latency],
  ];
  const count = trace.stream.length;
  const parts: Buffer[] = [];
  for (let start = 0; start < count; start += chunk) {
    let text = start === 0 ? '' : ',\n';
    for (let index = start; index < Math.min(count, start + chunk); index++) {
      const fields = columns.map(([name, times]) => `"${name}":${nanoseconds(times[index] ?? 0)}`);
      text += `${index === start ? '' : ',\n'}  {${fields.join(',')}}`;
    }
    parts.push(Buffer.from(text));
  }
  return Buffer.concat([Buffer.from('[\n'), ...parts, Buffer.from('\n]\n')]);
}

/** --exportProfile: how many queries, then the layers. */
export function profileJson({ count, layers }: Pick<LayerTimes, 'count' | 'layers'>): string {
  return lines([{ count }, ...layers]);
}

/** Elements as numbers; where a type has none in JavaScript (fp8, int4, fp4, e8m0), its codes or bytes. */
function elementsOf(tensor: Tensor): Iterable<number | bigint> {
  const { dtype } = tensor;
  return dtype === 'float16' || dtype === 'bfloat16' ? tensor.toFloat32() : tensor.data;
}

/** A number as JSON has it: 64-bit integers exactly, and null for what is no number. */
function jsonNumber(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isFinite(value) ? String(value) : 'null';
}

/** --exportOutput: name, dimensions as "8x32", values. */
export function outputsJson(outputs: Readonly<Record<string, Tensor>>): string {
  const entries = Object.entries(outputs).map(([name, tensor]) => {
    const values = Array.from(elementsOf(tensor), jsonNumber).join(', ');
    const dimensions = tensor.shape.join('x');
    return `  { "name": ${JSON.stringify(name)}, "dimensions": ${JSON.stringify(dimensions)}, "values": [${values}] }`;
  });
  return `[\n${entries.join(',\n')}\n]\n`;
}

/** --dumpOutput: each output's name, shape and elements. */
export function outputLines(outputs: Readonly<Record<string, Tensor>>): string[] {
  return Object.entries(outputs).flatMap(([name, tensor]) => {
    const digits = dtypeInfo(tensor.dtype).dtype.includes('float') ? 6 : 21;
    const values = Array.from(elementsOf(tensor), (value) =>
      typeof value === 'bigint' ? String(value) : String(Number(value.toPrecision(digits))),
    );
    return [`${name}: (${tensor.shape.join('x')})`, values.join(' ')];
  });
}

function without<T extends object, K extends keyof T & string>(object: T, key: K): Omit<T, K> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key)) as Omit<T, K>;
}

/** What --json prints: all but the single queries and the outputs' elements, which have files of their own. */
export function reportJson(report: BenchReport): Record<string, unknown> {
  const { outputs, device, js, layers } = report;
  return {
    ...without(report, 'layerInfo'),
    device: device && without(device, 'trace'),
    js: js && { ...without(js, 'trace'), timed: js.timed && without(js.timed, 'trace') },
    layers: layers && without(layers, 'times'),
    outputs:
      outputs &&
      Object.entries(outputs).map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
  };
}
