// The parts of a model that could be built when some nodes cannot.

import type { ModelNodes } from './model-nodes.js';

/** Nodes that can be built together, or one that cannot. */
export interface Part {
  readonly supported: boolean;
  readonly nodes: readonly number[];
}

/**
 * Parts a graph around its faulty nodes, each of which is a part of its own. The others form the largest parts that can be cut out: none has a path that
 * leaves it and comes back through a faulty node. In the order of their first nodes.
 *
 * TensorRT's own parts cannot be used for that: 10.6's `supportsModelV2` gives all nodes but the last faulty one as a single part, and calls a part supported
 * only if all of the model is (seen on an H200).
 */
export function partition(model: ModelNodes, faulty: ReadonlySet<number>): Part[] {
  const { nodes } = model;
  const maker = new Map<string, number>();
  /** How many faulty nodes lie on the longest way to each node. */
  const depth = new Array<number>(nodes.length).fill(0);
  const parent = nodes.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] = parent[parent[at] as number] as number;
    return at;
  };
  // ONNX lists nodes in topological order.
  nodes.forEach(({ inputs, outputs }, index) => {
    const makers = inputs.map((name) => maker.get(name)).filter((made) => made !== undefined);
    for (const made of makers) {
      const through = (depth[made] ?? 0) + (faulty.has(made) ? 1 : 0);
      depth[index] = Math.max(depth[index] ?? 0, through);
    }
    if (!faulty.has(index)) {
      for (const made of makers) {
        if (!faulty.has(made) && depth[made] === depth[index]) parent[root(made)] = root(index);
      }
    }
    for (const name of outputs) maker.set(name, index);
  });
  const parts = new Map<number, number[]>();
  nodes.forEach((_, index) => {
    const key = root(index);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, [index]);
    else part.push(index);
  });
  return [...parts.values()].map((part) => ({
    supported: !faulty.has(part[0] as number),
    nodes: part,
  }));
}
