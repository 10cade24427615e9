// Measures, and keeps what was measured with where and when, so that a README can quote it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ExampleModel } from './models.ts';
import { chooseRuntime } from './runtime.ts';

/** Milliseconds. */
export interface Latency {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

/** Nearest-rank percentiles. */
export function latencyOf(milliseconds: readonly number[]): Latency {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const at = (percent: number): number =>
    sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? NaN;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { count: sorted.length, mean, p50: at(50), p99: at(99) };
}

/** How long each of `loops` calls took, one after another, after `warmUp` that do not count. */
export async function measure(
  call: (loop: number) => unknown,
  loops: number,
  warmUp = Math.ceil(loops / 10),
): Promise<Latency> {
  const times: number[] = [];
  for (let loop = -warmUp; loop < loops; loop++) {
    const started = performance.now();
    await call(loop);
    if (loop >= 0) times.push(performance.now() - started);
  }
  return latencyOf(times);
}

export type FigureRow = Readonly<Record<string, string | number>>;

export interface Figures {
  readonly example: string;
  /** The one figure that the table of `npm run examples` shows. */
  readonly headline: string;
  readonly date: string;
  /** What it ran on, the CPU included. */
  readonly place: string;
  readonly node: string;
  readonly model: string;
  readonly tables: Readonly<Record<string, readonly FigureRow[]>>;
}

const figuresFile = (work: string): string => path.join(work, 'figures.json');

/** Writes work/figures.json and prints its tables. */
export function writeFigures(
  work: string,
  model: ExampleModel,
  headline: string,
  tables: Figures['tables'],
): Figures {
  const cpus = os.cpus();
  const figures: Figures = {
    example: path.basename(path.dirname(work)),
    headline,
    date: new Date().toISOString().slice(0, 10),
    place: `${chooseRuntime().name}; ${cpus.length} x ${cpus[0]?.model.trim() ?? 'CPU'}`,
    node: process.version,
    model: `${model.size}: ${model.about.weights}`,
    tables,
  };
  mkdirSync(work, { recursive: true });
  writeFileSync(figuresFile(work), `${JSON.stringify(figures, null, 2)}\n`);
  for (const [title, rows] of Object.entries(tables)) {
    console.log(`\n${title}`);
    console.table(rows);
  }
  console.log(
    `\n${figures.date}, ${figures.place}, Node.js ${figures.node}; written to ${figuresFile(work)}`,
  );
  return figures;
}

/** What writeFigures kept, or undefined. */
export function readFigures(work: string): Figures | undefined {
  try {
    return JSON.parse(readFileSync(figuresFile(work), 'utf8')) as Figures;
  } catch {
    return undefined;
  }
}
