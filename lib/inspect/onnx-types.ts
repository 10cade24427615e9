// What inspect() tells of an ONNX model.

import type { Counts } from './layers.js';

/** An input, output or initializer of an ONNX model. */
export interface OnnxTensor {
  readonly name: string;
  /** As TensorRT calls it where it has the type, else ONNX's name in lower case (`int16`, `string`); undefined when the model does not say. */
  readonly dtype: string | undefined;
  /** Numbers, names of symbolic dimensions, and -1 for unnamed dynamic ones; undefined when the model does not say the rank. */
  readonly shape: readonly (number | string)[] | undefined;
}

/** Weights of a model: an initializer. */
export interface OnnxInitializer extends OnnxTensor {
  readonly bytes: number;
  /** The file that holds them, relative to the model's folder; undefined: the model itself. */
  readonly externalFile: string | undefined;
}

/** How many weights there are of a type, those in attributes and sub-graphs included. */
export interface OnnxWeights {
  readonly dtype: string;
  readonly tensors: number;
  readonly bytes: number;
}

/** An attribute: a number, text, the first 64 of a list; graphs, tensors and types in words. */
export type OnnxAttribute = number | string | readonly (number | string)[];

/** A node of the main graph. */
export interface OnnxNode {
  readonly name: string;
  /** `Conv`; of other domains than ONNX's own `domain::Name`. */
  readonly operator: string;
  /** Names; '' for an optional input that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Names that the node's sub-graphs (If, Loop, Scan) use. */
  readonly subgraphInputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A function that the model defines. */
export interface OnnxFunction {
  /** `domain::Name`. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly numNodes: number;
}

/** A graph within a node. */
export interface OnnxSubgraph {
  /** Name of the node, and of its attribute. */
  readonly node: string;
  readonly attribute: string;
  readonly name: string;
  /** 1 for graphs in nodes of the main graph. */
  readonly depth: number;
  readonly numNodes: number;
}

/** What an ONNX file tells. */
export interface OnnxInfo {
  readonly kind: 'onnx';
  /** Name of the graph. */
  readonly name: string;
  readonly irVersion: number;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  /** Versions of operators by domain; '' is ONNX's own. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly producerVersion: string;
  /** Domain and version of the model itself, as its maker gave them. */
  readonly domain: string;
  readonly modelVersion: number;
  /** What the maker wrote beside it, such as class names. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  readonly initializers: readonly OnnxInitializer[];
  /** Nodes of the main graph. */
  readonly numNodes: number;
  /** How often each operator occurs, sub-graphs included; other domains than ONNX's own as `domain::Name`. */
  readonly operators: Counts;
  readonly subgraphs: readonly OnnxSubgraph[];
  readonly functions: readonly OnnxFunction[];
  /** Bytes of all weights, wherever they are kept, and by type, most bytes first. */
  readonly weightsBytes: number;
  readonly weights: readonly OnnxWeights[];
  /** Files beside the model that hold weights, relative to its folder, and how many bytes of weights they hold. */
  readonly externalData: readonly string[];
  readonly externalDataBytes: number;
  /** Nodes of the main graph in their order; undefined unless `layers` was asked for. */
  readonly nodes: readonly OnnxNode[] | undefined;
  /** Types and shapes of tensors within the main graph, where the model tells them; undefined unless `layers` was asked for. */
  readonly values: readonly OnnxTensor[] | undefined;
}
