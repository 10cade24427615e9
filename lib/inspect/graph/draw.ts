// drawGraph(): a plan or an ONNX model as a picture.

import { UnsupportedError, invalidArgument } from '../../errors.js';
import { checkChoice, checkInteger, checkOptions } from '../../validate.js';
import type { PlanInfo } from '../inspect.js';
import type { OnnxInfo } from '../onnx-types.js';
import { onnxGraph, planGraph } from './graph.js';
import { htmlFile } from './html.js';
import { layoutGraph } from './layout.js';
import { svgFile } from './svg.js';

const formats = ['svg', 'html'] as const;

/** How {@link drawGraph} draws. */
export interface GraphOptions {
  /** `svg`: a picture; `html`: one page that loads nothing, with pan, zoom, search and details. Default 'svg'. */
  format?: 'svg' | 'html' | undefined;
  /** Heading; default: the engine's or the model's name. */
  title?: string | undefined;
  /** Whose layers, of a plan with several optimization profiles; default 0. */
  profile?: number | undefined;
}

/** More boxes than a browser can show. */
const mostNodes = 20_000;

/**
 * Draws the layers of a plan, or the main graph of an ONNX model. Layers are connected by the tensors that they read and write, which a plan
 * only tells if it was built with `profilingVerbosity: 'detailed'`; else its layers are drawn without arrows, and the picture says so.
 *
 * @param info - What {@link inspect} told, with `layers: true`.
 * @returns The file's text.
 * @throws {@link InvalidArgumentError} ERR_TRT_INVALID_ARGUMENT, also for what was inspected without layers, or could not be deserialized;
 *   {@link UnsupportedError} ERR_TRT_UNSUPPORTED for more than 20 000 layers or nodes
 */
export function drawGraph(info: PlanInfo | OnnxInfo, options: GraphOptions = {}): string {
  checkOptions(options, ['format', 'title', 'profile'], 'drawGraph');
  const format = checkChoice(options.format ?? 'svg', 'format', formats);
  const title = options.title ?? (info.kind === 'plan' ? info.engine?.name : info.name);
  const heading = title === undefined || title === '' ? 'Unnamed network' : title;
  let graph;
  if (info.kind === 'onnx') {
    if (info.nodes === undefined) throw withoutLayers();
    graph = onnxGraph(info, heading);
  } else {
    const { engine } = info;
    if (engine?.layers === undefined) throw withoutLayers();
    const last = Math.max(1, engine.numOptimizationProfiles) - 1;
    graph = planGraph(engine, checkInteger(options.profile ?? 0, 'profile', 0, last), heading);
  }
  if (graph.nodes.length > mostNodes) {
    throw new UnsupportedError(
      'ERR_TRT_UNSUPPORTED',
      `the graph has ${graph.nodes.length} nodes; at most ${mostNodes} can be drawn`,
      'List the nodes instead: inspect() with layers, trt-node inspect --layers.',
    );
  }
  const layout = layoutGraph(graph);
  return format === 'svg' ? svgFile(graph, layout) : htmlFile(graph, layout);
}

function withoutLayers(): Error {
  return invalidArgument(
    'drawGraph needs what inspect() tells with layers: true, of a plan that could be deserialized',
    'Call inspect(file, { layers: true }).',
  );
}
