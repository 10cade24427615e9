// A laid out graph as one HTML file that loads nothing: pan, zoom, search, details of what is clicked.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { escapeHtml, scriptJson } from '../../html.js';
import { fileError } from '../../errors.js';
import type { Layout } from './geometry.js';
import type { Graph } from './graph.js';
import { svgContent, svgHead, svgLegend } from './svg.js';

function asset(name: string): string {
  const file = path.join(__dirname, 'assets', name);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
}

/** The page. @throws ERR_TRT_FILE */
export function htmlFile(graph: Graph, layout: Layout): string {
  const legend = svgLegend(graph);
  const details = graph.nodes.map(({ title, name, details }) => ({ title, name, details }));
  const data = {
    width: Math.round(layout.width),
    height: Math.round(layout.height),
    boxes: layout.boxes.map(({ x, y }) => [Math.round(x), Math.round(y)]),
    nodes: details,
    edges: graph.edges.map(({ from, to, tensors }) => [from, to, tensors] as const),
  };
  const note = graph.note === undefined ? '' : `<p class="note">${escapeHtml(graph.note)}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>${escapeHtml(graph.title)}</title>
<style>
${asset('graph.css')}</style>
</head>
<body>
<header>
<div><h1>${escapeHtml(graph.title)}</h1><p>${escapeHtml(graph.subtitle)}</p>${note}</div>
<form id="search"><input id="words" type="search" placeholder="Search name, type, tensor, kernel…" aria-label="Search" autocomplete="off"><output id="found"></output><button type="submit" title="Next (Enter)">Next</button><button type="button" id="fit" title="Show all (0)">Fit</button><button type="button" id="in" title="Zoom in (+)">+</button><button type="button" id="out" title="Zoom out (-)">−</button></form>
</header>
<main>
<svg id="graph" class="graph" role="img" aria-label="${escapeHtml(graph.title)}">
${svgHead()}
<g id="view">
${svgContent(graph, layout)}
</g>
</svg>
<aside id="legend"><svg class="graph" width="${legend.width}" height="${legend.height}">
${legend.content}
</svg></aside>
<aside id="details" hidden></aside>
</main>
<script type="application/json" id="data">${scriptJson(data)}</script>
<script>
${asset('graph.js')}</script>
</body>
</html>
`;
}
