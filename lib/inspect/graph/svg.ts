// A laid out graph as SVG, with legend. All text that comes from a file is escaped.

import { escapeHtml } from '../../html.js';
import { middle, shortType } from '../layer-table.js';
import { countBy } from '../layers.js';
import { type Layout, type Point, boxSize } from './geometry.js';
import type { Category, Graph, GraphNode } from './graph.js';
import { categoryStyles, typeColour } from './style.js';

const margin = 32;
const headerHeight = 56;
const legend = { width: 216, row: 22 };

// eslint-disable-next-line no-control-regex -- these may not be in XML, however they are written
const notXml = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu;

/** Text in XML: escaped, without what XML forbids. */
export function xmlText(text: string): string {
  return escapeHtml(text.replace(notXml, '\ufffd'));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A line through points, its corners rounded; it leaves and arrives straight down. */
function path(points: readonly Point[]): string {
  const [start] = points;
  const end = points.at(-1);
  if (start === undefined || end === undefined) return '';
  const at = ({ x, y }: Point): string => `${round(x)} ${round(y)}`;
  if (points.length === 2) {
    if (Math.abs(start.x - end.x) < 0.5 && start.y < end.y) return `M${at(start)}V${round(end.y)}`;
    const bend = Math.max(20, Math.abs(end.y - start.y) / 2);
    return `M${at(start)}C${round(start.x)} ${round(start.y + bend)} ${round(end.x)} ${round(end.y - bend)} ${at(end)}`;
  }
  const [leave, arrive] = [
    { x: start.x, y: start.y + 12 },
    { x: end.x, y: end.y - 14 },
  ];
  const inner = [leave, ...points.slice(1, -1), arrive];
  let out = `M${at(start)}`;
  for (const [index, point] of inner.entries()) {
    const next = inner[index + 1];
    const to = next === undefined ? end : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    out += `Q${at(point)} ${at(to)}`;
  }
  return out;
}

function tooltip(node: GraphNode): string {
  const lines = [`${node.title}: ${node.name}`];
  for (const [heading, text] of node.details.slice(0, 24)) {
    lines.push(`${heading}: ${middle(text, 160)}`);
  }
  return lines.join('\n');
}

function box(node: GraphNode, { x, y }: Point): string {
  const { width, height } = boxSize;
  const type = shortType(node.precision);
  const chip =
    type === ''
      ? ''
      : `<text class="t" x="${width - 10}" y="18" fill="${node.category === 'io' ? '#ced4da' : typeColour(node.precision ?? '')}">${xmlText(middle(type, 11))}</text>`;
  const bar =
    node.precision === undefined
      ? ''
      : `<rect class="p" width="5" height="${height}" rx="2" fill="${typeColour(node.precision)}"/>`;
  const radius = node.category === 'io' ? height / 2 : 6;
  const left = node.category === 'io' ? 22 : 14;
  return (
    `<g class="n c-${node.category}" data-id="${node.id}" transform="translate(${round(x)} ${round(y)})">` +
    `<title>${xmlText(tooltip(node))}</title>` +
    `<rect class="b" width="${width}" height="${height}" rx="${radius}"/>` +
    (node.category === 'io' ? '' : bar) +
    `<text class="h" x="${left}" y="18">${xmlText(middle(node.title, 24))}</text>` +
    (node.category === 'io' ? chip.replace(`x="${width - 10}"`, `x="${width - 22}"`) : chip) +
    `<text class="l" x="${left}" y="34">${xmlText(middle(node.name, node.category === 'io' ? 28 : 32))}</text>` +
    `<text class="s" x="${left}" y="49">${xmlText(middle(node.shape, 32))}</text>` +
    `</g>`
  );
}

function legendRows(graph: Graph): string[] {
  const counts = countBy(graph.nodes.map((node) => node.category));
  const rows = Object.entries(counts).map(([name, count]) => {
    const { label, fill, line } = categoryStyles[name as Category];
    return `<rect width="16" height="12" y="-10" rx="3" fill="${fill}" stroke="${line}"/><text class="k" x="24">${label}</text><text class="k e" x="${legend.width - 32}">${count}</text>`;
  });
  const inner = graph.nodes.filter((node) => node.category !== 'io');
  const types = Object.entries(countBy(inner.map((node) => node.precision)));
  if (types.length > 0) rows.push('', '<text class="k g">Type of output</text>');
  for (const [name, count] of types.slice(0, 16)) {
    rows.push(
      `<rect width="5" height="12" x="5" y="-10" rx="2" fill="${typeColour(name)}"/><text class="k" x="24">${xmlText(middle(name, 20))}</text><text class="k e" x="${legend.width - 32}">${count}</text>`,
    );
  }
  return rows;
}

function styleSheet(): string {
  const boxes = Object.entries(categoryStyles).map(
    ([name, { fill, line }]) => `.c-${name} .b{fill:${fill};stroke:${line}}`,
  );
  return [
    `svg.graph{font-family:ui-sans-serif,system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;font-size:11px}`,
    ...boxes,
    `.b{stroke-width:1.2}`,
    `.h{font-weight:600;font-size:12px;fill:#212529}`,
    `.t{text-anchor:end;font-weight:600}`,
    `.l{fill:#343a40}`,
    `.s{fill:#6b7280;font-size:10.5px}`,
    `.c-io .h,.c-io .l{fill:#fff}.c-io .s{fill:#ced4da}`,
    `.a{fill:none;stroke:#9aa1a9;stroke-width:1.3}`,
    `.k{fill:#343a40}.e{text-anchor:end}.g{font-weight:600}`,
    `.o{font-size:18px;font-weight:600;fill:#212529}.u{fill:#6b7280;font-size:12px}.w{fill:#c92a2a;font-size:12px}`,
  ].join('\n');
}

/** The drawing itself: arrows below boxes, in the coordinates of the layout. */
export function svgContent(graph: Graph, layout: Layout): string {
  const arrows = graph.edges.map(({ from, to, tensors }, index) => {
    const points = layout.arrows[index] ?? [];
    return `<path class="a" data-from="${from}" data-to="${to}" marker-end="url(#arrow)" d="${path(points)}"><title>${xmlText(tensors.slice(0, 12).join('\n'))}</title></path>`;
  });
  const boxes = graph.nodes.map((node) => box(node, layout.boxes[node.id] ?? { x: 0, y: 0 }));
  return `<g class="edges">\n${arrows.join('\n')}\n</g>\n<g class="nodes">\n${boxes.join('\n')}\n</g>`;
}

/** Style and arrow head, for {@link svgContent}. */
export function svgHead(): string {
  return `<style>\n${styleSheet()}\n</style>\n<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" orient="auto"><path d="M0 .6 7.4 4 0 7.4z" fill="#868e96"/></marker></defs>`;
}

/** The legend: `width` and `height`, and what to draw. */
export function svgLegend(graph: Graph): { width: number; height: number; content: string } {
  const rows = legendRows(graph);
  const content = rows
    .map((row, index) =>
      row === '' ? '' : `<g transform="translate(16 ${index * legend.row + 26})">${row}</g>`,
    )
    .join('\n');
  return { width: legend.width, height: rows.length * legend.row + 18, content };
}

/** A file that stands alone. */
export function svgFile(graph: Graph, layout: Layout): string {
  const key = svgLegend(graph);
  const note =
    graph.note === undefined ? '' : `<text class="w" y="66">${xmlText(graph.note)}</text>`;
  const top = headerHeight + (note === '' ? 0 : 28);
  const left = margin + key.width + margin;
  const textWidth = Math.max(graph.title.length * 10, (graph.note?.length ?? 0) * 6.4);
  const width = Math.max(left + layout.width + margin, textWidth + 2 * margin);
  const height = margin + top + Math.max(layout.height, key.height) + margin;
  return `<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" class="graph" width="${round(width)}" height="${round(height)}" viewBox="0 0 ${round(width)} ${round(height)}">
<title>${xmlText(graph.title)}</title>
${svgHead()}
<rect width="100%" height="100%" fill="#fff"/>
<g transform="translate(${margin} ${margin})"><text class="o" y="18">${xmlText(graph.title)}</text><text class="u" y="40">${xmlText(graph.subtitle)}</text>${note}</g>
<g class="legend" transform="translate(${margin} ${margin + top})"><rect width="${key.width}" height="${key.height}" rx="8" fill="#fbfcfd" stroke="#dee2e6"/>
${key.content}
</g>
<g transform="translate(${left} ${margin + top})">
${svgContent(graph, layout)}
</g>
</svg>
`;
}
