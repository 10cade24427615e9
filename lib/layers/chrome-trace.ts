// Chrome's trace format (chrome://tracing, ui.perfetto.dev) of layer times and of measured queries.
// Format: "Trace Event Format", JSON object form: complete events ("X") with ts and dur in microseconds, metadata events ("M") for names.

import type { LayerTimes } from './layer-times.js';

interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Times of queries on the device, in milliseconds from one origin: columns of equal length. */
export interface QueryTrace {
  readonly startH2dMs: Float64Array;
  readonly endH2dMs: Float64Array;
  readonly startComputeMs: Float64Array;
  readonly endComputeMs: Float64Array;
  readonly startD2hMs: Float64Array;
  readonly endD2hMs: Float64Array;
  /** Which of the streams. */
  readonly stream: Int32Array;
}

/** What a trace shows. */
export interface TraceContents {
  /** The engine's name, or the plan's. */
  readonly title: string;
  /** Layers of each profiled run, one after the other. */
  readonly layers?: LayerTimes | undefined;
  /** Queries of trtexec's measurement; the first 2,000. */
  readonly queries?: QueryTrace | undefined;
}

/** More rows make viewers slow, and nobody looks at them. */
const mostQueries = 2_000;
const mostLayerEvents = 200_000;

function microseconds(milliseconds: number): number {
  return Math.round(milliseconds * 1e6) / 1e3;
}

function named(
  what: 'process_name' | 'thread_name',
  pid: number,
  tid: number,
  name: string,
): TraceEvent {
  return { name: what, ph: 'M', pid, tid, args: { name } };
}

/** Layer after layer, run after run. TensorRT tells how long each layer took, not when it began: the gaps between kernels are not in it. */
function layerEvents(title: string, { count, layers, times }: LayerTimes): TraceEvent[] {
  const pid = 1;
  const events = [
    named('process_name', pid, 0, `${title}: layers`),
    named('thread_name', pid, 1, 'layers (times as TensorRT reports them, without gaps)'),
    named('thread_name', pid, 0, 'runs'),
  ];
  const runs = Math.min(
    count,
    Math.max(1, Math.floor(mostLayerEvents / Math.max(1, layers.length))),
  );
  let at = 0;
  for (let run = 0; run < runs; run++) {
    const start = at;
    for (const [column, layer] of layers.entries()) {
      const time = times[run * layers.length + column] ?? 0;
      events.push({
        name: layer.name,
        ph: 'X',
        cat: 'layer',
        pid,
        tid: 1,
        ts: microseconds(at),
        dur: microseconds(time),
        args: { layer: column, 'average ms': layer.averageMs, 'of all layers %': layer.percentage },
      });
      at += time;
    }
    events.push({
      name: `run ${run}`,
      ph: 'X',
      cat: 'run',
      pid,
      tid: 0,
      ts: microseconds(start),
      dur: microseconds(at - start),
    });
  }
  return events;
}

function queryEvents(title: string, trace: QueryTrace): TraceEvent[] {
  const pid = 2;
  const events = [named('process_name', pid, 0, `${title}: queries on the device`)];
  const parts = [
    ['H2D', trace.startH2dMs, trace.endH2dMs],
    ['compute', trace.startComputeMs, trace.endComputeMs],
    ['D2H', trace.startD2hMs, trace.endD2hMs],
  ] as const;
  const seen = new Set<number>();
  const count = Math.min(trace.stream.length, mostQueries);
  for (let query = 0; query < count; query++) {
    const stream = trace.stream[query] ?? 0;
    for (const [part, [name, starts, ends]] of parts.entries()) {
      const tid = stream * parts.length + part;
      if (!seen.has(tid)) {
        seen.add(tid);
        events.push(named('thread_name', pid, tid, `stream ${stream}: ${name}`));
      }
      const start = starts[query] ?? 0;
      events.push({
        name,
        ph: 'X',
        cat: 'query',
        pid,
        tid,
        ts: microseconds(start),
        dur: microseconds(Math.max(0, (ends[query] ?? 0) - start)),
        args: { query },
      });
    }
  }
  return events;
}

/**
 * A trace for chrome://tracing or ui.perfetto.dev.
 *
 * @returns JSON, an event a line.
 */
export function chromeTrace(contents: TraceContents): string {
  const { title, layers, queries } = contents;
  const events = [
    ...(layers === undefined ? [] : layerEvents(title, layers)),
    ...(queries === undefined ? [] : queryEvents(title, queries)),
  ];
  const lines = events.map((event) => JSON.stringify(event)).join(',\n');
  return `{"displayTimeUnit":"ns","traceEvents":[\n${lines}\n]}\n`;
}
