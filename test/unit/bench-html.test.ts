// The HTML report: complete in itself, well-formed, and safe whatever tensors and files are called.

import vm from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { BenchReport } from 'trt-node';
import { htmlReport, loadAssets } from '../../lib/bench/html.js';
import { escapeHtml, scriptJson } from '../../lib/html.js';
import { benchReport, deviceReport, jsReport } from '../helpers/bench.js';

const evil = `</script><script>alert(1)</script><img src=x onerror=alert(2)>&"'<!--\u2028`;

function evilReport(): BenchReport {
  const layer = { name: evil, timeMs: 1, averageMs: 1, medianMs: 1, percentage: 100 };
  const report = benchReport({ device: deviceReport({}), js: jsReport({}) });
  const [input] = report.inputs;
  return {
    ...report,
    plan: `folder/${evil}`,
    engineName: evil,
    inputs: input === undefined ? [] : [{ ...input, name: evil, source: evil }],
    environment: { ...report.environment, libraryPath: evil, cpu: evil },
    layers: { count: 1, layers: [layer], times: Float32Array.of(1) },
    findings: [{ code: 'x', severity: 'warning', what: evil, todo: evil }],
  };
}

/** The page without the insides of its scripts and style, which are not markup. */
function markup(html: string): string {
  return html
    .replace(/<script[^>]*>[\s\S]*?<\/script>/g, '<script></script>')
    .replace(/<style>[\s\S]*?<\/style>/, '<style></style>');
}

/** Every element that is opened is closed, in order; fails otherwise. */
function expectBalanced(html: string): void {
  const open: string[] = [];
  for (const [, slash, name = ''] of markup(html).matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
    if (['meta', 'br', 'img', 'link', 'input'].includes(name)) continue;
    if (slash === '') open.push(name);
    else expect(open.pop(), `</${name}>`).toBe(name);
  }
  expect(open).toEqual([]);
}

describe('the HTML report', () => {
  const html = htmlReport(benchReport({ device: deviceReport({}), js: jsReport({}) }));

  test('is one well-formed page', () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
    expectBalanced(html);
    expect(html.match(/<script/g)).toHaveLength(3);
    expect(markup(html)).toContain('<title>trt-node bench: model.plan</title>');
    for (const id of ['histogram', 'percentiles', 'split', 'device-timeline', 'js-timeline']) {
      expect(html).toContain(`<canvas id="${id}"`);
    }
  });

  test('loads nothing: no addresses, and a policy that forbids the network', () => {
    expect(html).toContain("default-src 'none'");
    expect(markup(html)).not.toMatch(/\b(src|href|action|data|poster|srcset)\s*=/);
    expect(html).not.toMatch(
      /@import|url\(|sourceMappingURL|\bfetch\(|XMLHttpRequest|WebSocket|import\(/,
    );
    expect(html).not.toMatch(/<(link|iframe|object|embed|base)\b/);
  });

  test("has Chart.js's license", () => {
    expect(html).toContain('The MIT License');
    expect(html).toContain('Chart.js');
  });

  test('works with one phase only', () => {
    expectBalanced(htmlReport(benchReport({ device: deviceReport({}) })));
    const untimed = jsReport({ timed: undefined, eventLoopDelay: undefined });
    expectBalanced(htmlReport(benchReport({ js: untimed })));
  });

  test('names from outside stay text', () => {
    const page = htmlReport(evilReport());
    expectBalanced(page);
    expect(page.match(/<script/g)).toHaveLength(3);
    expect(page).not.toContain('<script>alert(1)');
    expect(page).not.toContain('<img');
    expect(markup(page)).not.toContain('onerror=alert(2)>&"');
    expect(markup(page)).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
  });

  test('what is embedded parses again', () => {
    const [, json = ''] =
      /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html) ?? [];
    expect(JSON.parse(json)).toMatchObject({
      histogram: { series: [{ name: 'device' }, { name: 'JavaScript caller' }] },
      split: expect.arrayContaining([{ name: 'compute', color: 'compute', value: 3 }]) as unknown,
    });
    const text = scriptJson({ a: evil });
    expect(text).not.toMatch(/<|\u2028/);
    expect(JSON.parse(text)).toEqual({ a: evil });
    expect(escapeHtml(`<a b="c">&'`)).toBe('&lt;a b=&quot;c&quot;&gt;&amp;&#39;');
  });

  test('its scripts are scripts', () => {
    const { chart, script } = loadAssets();
    for (const code of [chart, script]) expect(() => new vm.Script(code)).not.toThrow();
    const inlined = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(
      ([, code = '']) => code,
    );
    expect(inlined).toHaveLength(2);
    for (const code of inlined) expect(() => new vm.Script(code)).not.toThrow();
  });
});
