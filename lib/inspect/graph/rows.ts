// A simple layout for graphs that are too large for dagre: rows by the longest way from the start, each ordered by where its inputs stand.

import { type Layout, type Point, boxSize, gap } from './geometry.js';
import type { GraphEdge } from './graph.js';

/** Rows of nodes; what goes back in a loop is left out of account. */
function rowsOf(count: number, edges: readonly GraphEdge[]): number[] {
  const after: number[][] = Array.from({ length: count }, () => []);
  const waiting = new Array<number>(count).fill(0);
  for (const { from, to } of edges) {
    after[from]?.push(to);
    waiting[to] = (waiting[to] ?? 0) + 1;
  }
  const rows = new Array<number>(count).fill(0);
  const done = new Array<boolean>(count).fill(false);
  const ready = waiting.flatMap((inputs, id) => (inputs === 0 ? [id] : []));
  for (let start = 0, next = 0; next < count;) {
    const id = ready[next];
    if (id === undefined) {
      // Only rings are left: begin with the first node that is not placed.
      while (done[start]) start++;
      ready.push(start);
      done[start] = true;
      continue;
    }
    done[id] = true;
    next++;
    for (const to of after[id] ?? []) {
      if (done[to]) continue;
      rows[to] = Math.max(rows[to] ?? 0, (rows[id] ?? 0) + 1);
      waiting[to] = (waiting[to] ?? 0) - 1;
      if (waiting[to] === 0) {
        ready.push(to);
        done[to] = true;
      }
    }
  }
  return rows;
}

/** Lays a graph out in rows. */
export function layoutRows(count: number, edges: readonly GraphEdge[]): Layout {
  const rows = rowsOf(count, edges);
  const members: number[][] = [];
  for (let id = 0; id < count; id++) (members[rows[id] ?? 0] ??= []).push(id);
  const inputs: number[][] = Array.from({ length: count }, () => []);
  for (const { from, to } of edges) inputs[to]?.push(from);
  const columns = new Array<number>(count).fill(0);
  for (const row of members) {
    const wanted = new Map(
      row.map((id) => {
        const above = (inputs[id] ?? []).map((from) => columns[from] ?? 0);
        const sum = above.reduce((total, column) => total + column, 0);
        return [id, above.length === 0 ? 0 : sum / above.length] as const;
      }),
    );
    row.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0) || a - b);
    // Each where its inputs are, or right of its neighbour.
    let next = -Infinity;
    for (const id of row) {
      const column = Math.max(next, Math.round(wanted.get(id) ?? 0));
      columns[id] = column;
      next = column + 1;
    }
  }
  const boxes = columns.map((column, id): Point => ({
    x: column * (boxSize.width + gap.x),
    y: (rows[id] ?? 0) * (boxSize.height + gap.y),
  }));
  const arrows = edges.map(({ from, to }): Point[] => [
    { x: (boxes[from]?.x ?? 0) + boxSize.width / 2, y: (boxes[from]?.y ?? 0) + boxSize.height },
    { x: (boxes[to]?.x ?? 0) + boxSize.width / 2, y: boxes[to]?.y ?? 0 },
  ]);
  const width = Math.max(0, ...new Set(columns.map((column) => column))) * (boxSize.width + gap.x);
  const height = (members.length - 1) * (boxSize.height + gap.y);
  return { width: width + boxSize.width, height: height + boxSize.height, boxes, arrows };
}
