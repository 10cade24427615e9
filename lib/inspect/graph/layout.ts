// Where boxes and arrows go: from top to bottom, by dagre; chains are put together first, which is faster and keeps them straight.

import type { Graph, GraphEdge } from './graph.js';
import { loadDagre } from './dagre.js';
import { type Layout, type Point, boxSize, gap } from './geometry.js';
import { layoutRows } from './rows.js';

/** Beyond this dagre takes minutes; rows take no time. */
const mostForDagre = { groups: 1500, edges: 4000 };

/** Nodes that stand below each other: each but the last has one successor, which has one predecessor. */
interface Groups {
  /** Nodes of each group, from the top. */
  readonly members: readonly (readonly number[])[];
  /** Group of each node. */
  readonly of: readonly number[];
}

function groupChains(count: number, edges: readonly GraphEdge[]): Groups {
  const after: number[][] = Array.from({ length: count }, () => []);
  const before: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of edges) {
    after[from]?.push(to);
    before[to]?.push(from);
  }
  const continues = (id: number): boolean => {
    const [previous, ...others] = before[id] ?? [];
    return previous !== undefined && others.length === 0 && after[previous]?.length === 1;
  };
  const members: number[][] = [];
  const of = new Array<number>(count).fill(-1);
  const follow = (start: number): void => {
    const chain: number[] = [];
    let next: number | undefined = start;
    while (next !== undefined && of[next] === -1) {
      chain.push(next);
      of[next] = members.length;
      const [only]: number[] = after[next] ?? [];
      next = only !== undefined && continues(only) ? only : undefined;
    }
    members.push(chain);
  };
  for (let id = 0; id < count; id++) if (!continues(id)) follow(id);
  // What is left are rings.
  for (let id = 0; id < count; id++) if (of[id] === -1) follow(id);
  return { members, of };
}

/** Height of that many boxes below each other. */
function stackHeight(boxes: number): number {
  return boxes * boxSize.height + (boxes - 1) * gap.y;
}

/** Lays a graph out. Without edges: a grid. */
export function layoutGraph(graph: Graph): Layout {
  const count = graph.nodes.length;
  if (graph.edges.length === 0) return layoutGrid(count);
  const groups = groupChains(count, graph.edges);
  const between = graph.edges.filter(({ from, to }) => groups.of[from] !== groups.of[to]);
  if (groups.members.length > mostForDagre.groups || between.length > mostForDagre.edges) {
    return layoutRows(count, graph.edges);
  }
  const dagre = loadDagre();
  const layered = new dagre.graphlib.Graph();
  layered.setGraph({ rankdir: 'TB', nodesep: gap.x, edgesep: 14, ranksep: gap.y });
  for (const [group, chain] of groups.members.entries()) {
    layered.setNode(String(group), { width: boxSize.width, height: stackHeight(chain.length) });
  }
  for (const { from, to } of between) {
    layered.setEdge(String(groups.of[from]), String(groups.of[to]), {});
  }
  dagre.layout(layered);

  const boxes: Point[] = new Array<Point>(count);
  const rows = new Map<number, number>();
  for (const [group, chain] of groups.members.entries()) {
    const { x, y, height } = layered.node(String(group));
    rows.set(y, Math.max(rows.get(y) ?? 0, height));
    for (const [place, id] of chain.entries()) {
      const top = y - height / 2 + place * (boxSize.height + gap.y);
      boxes[id] = { x: x - boxSize.width / 2, y: top };
    }
  }
  const rowOf = (group: number | undefined): { y: number; height: number } => {
    const { y } = layered.node(String(group));
    return { y, height: rows.get(y) ?? 0 };
  };
  const arrows = graph.edges.map(({ from, to }) => {
    const [first, last] = [groups.of[from], groups.of[to]];
    if (first === last) return arrow(boxes[from], boxes[to], []);
    const bends = layered.edge(String(first), String(last))?.points.slice(1, -1) ?? [];
    return arrow(boxes[from], boxes[to], alongRows(bends, rows), rowOf(first), rowOf(last));
  });
  return fit(boxes, arrows);
}

/** Where dagre lets an arrow pass a row of boxes, it shall go straight down beside them: a slant would cross a tall neighbour. */
function alongRows(bends: readonly Point[], rows: ReadonlyMap<number, number>): Point[] {
  return bends.flatMap(({ x, y }) => {
    const height = rows.get(y);
    if (height === undefined) return [{ x, y }];
    return [
      { x, y: y - height / 2 },
      { x, y: y + height / 2 },
    ];
  });
}

/** An arrow from the bottom of a box to the top of another; within the rows of both straight down, too, for the same reason. */
function arrow(
  from: Point | undefined,
  to: Point | undefined,
  bends: readonly Point[],
  rowFrom?: { y: number; height: number },
  rowTo?: { y: number; height: number },
): Point[] {
  const middle = boxSize.width / 2;
  const start = { x: (from?.x ?? 0) + middle, y: (from?.y ?? 0) + boxSize.height };
  const end = { x: (to?.x ?? 0) + middle, y: to?.y ?? 0 };
  // Upwards, in a loop: the way that dagre has found.
  if (start.y > end.y) return [start, ...bends, end];
  const points = [start];
  if (rowFrom !== undefined && rowFrom.y + rowFrom.height / 2 > start.y + 1) {
    points.push({ x: start.x, y: rowFrom.y + rowFrom.height / 2 });
  }
  points.push(...bends.filter(({ y }) => y >= start.y && y <= end.y));
  if (rowTo !== undefined && rowTo.y - rowTo.height / 2 < end.y - 1) {
    points.push({ x: end.x, y: rowTo.y - rowTo.height / 2 });
  }
  return [...points, end];
}

/** Boxes beside each other, where nothing tells what comes after what. */
function layoutGrid(count: number): Layout {
  const columns = Math.max(1, Math.ceil(Math.sqrt(count / 2.5)));
  const boxes = Array.from({ length: count }, (_, id) => ({
    x: (id % columns) * (boxSize.width + gap.x),
    y: Math.floor(id / columns) * (boxSize.height + gap.y),
  }));
  return fit(boxes, []);
}

/** Moves everything to the origin, and measures it. */
function fit(boxes: readonly Point[], arrows: readonly (readonly Point[])[]): Layout {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  const see = (x: number, y: number): void => {
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x), Math.max(bottom, y)];
  };
  for (const { x, y } of boxes) {
    see(x, y);
    see(x + boxSize.width, y + boxSize.height);
  }
  for (const points of arrows) for (const { x, y } of points) see(x, y);
  if (boxes.length === 0) [left, top] = [0, 0];
  const move = ({ x, y }: Point): Point => ({ x: x - left, y: y - top });
  return {
    width: right - left,
    height: bottom - top,
    boxes: boxes.map(move),
    arrows: arrows.map((points) => points.map(move)),
  };
}
