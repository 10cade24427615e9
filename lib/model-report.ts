// What an ONNX parser says of a model, as the public types of errors and of checkModel.

/** What TensorRT's parser says against one node of a model, or against the model as a whole. */
export interface ModelError {
  /** The parser's word, for example `kUNSUPPORTED_NODE`. */
  readonly code: string;
  /** What is wrong. */
  readonly description: string;
  /** Index of the node in its graph (the model's own, or that of a local function or branch); -1: the model as a whole. */
  readonly node: number;
  /** The node's name, or ''. */
  readonly nodeName: string;
  /** The node's operator, or ''. */
  readonly nodeOperator: string;
  /** The operator's domain ('' is ONNX's own); undefined where the node is not one of the model's graph. */
  readonly domain?: string | undefined;
  /** Version of the domain's operators that the model asks for. */
  readonly opset?: number | undefined;
  /** The local functions that lead to the node, outermost first. */
  readonly localFunctions: readonly string[];
  /** File, line and function of the parser's own source that said no; often ''. */
  readonly file: string;
  readonly line: number;
  readonly function: string;
}

/** Nodes that can be built together, or that cannot be built. */
export interface ModelSubgraph {
  readonly supported: boolean;
  /** Indices of its nodes in the model's graph. */
  readonly nodes: readonly number[];
  /** Names of the tensors that it needs from outside, weights apart. */
  readonly inputs: readonly string[];
  /** Names of the tensors that it makes for the rest of the model, or as its outputs. */
  readonly outputs: readonly string[];
}

/** An operator that cannot be built, with all nodes that use it. */
export interface UnsupportedOperator {
  readonly operator: string;
  /** '' is ONNX's own. */
  readonly domain: string;
  readonly nodes: readonly { readonly index: number; readonly name: string }[];
  /** What the parser says of the first of them, or ''. */
  readonly reason: string;
}
