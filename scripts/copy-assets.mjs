// What dist/ needs besides the compiled files: schemas of protocols, styles and scripts of the HTML pages, Chart.js and dagre with their licenses.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);

/** Copies our own assets; returns the folder in dist. */
function copyAssets(folder, names) {
  const target = path.join(root, 'dist', folder, 'assets');
  mkdirSync(target, { recursive: true });
  for (const name of names) {
    copyFileSync(path.join(root, 'lib', folder, 'assets', name), path.join(target, name));
  }
  return target;
}

const protos = path.join('serving', 'proto');
mkdirSync(path.join(root, 'dist', protos), { recursive: true });
for (const name of ['model_config.proto', 'grpc_service.proto', 'health.proto']) {
  copyFileSync(path.join(root, 'lib', protos, name), path.join(root, 'dist', protos, name));
}

const bench = copyAssets('bench', ['report.css', 'report.js']);
const chart = path.dirname(require.resolve('chart.js'));
copyFileSync(path.join(chart, 'chart.umd.min.js'), path.join(bench, 'chart.umd.min.js'));
copyFileSync(path.join(chart, '..', 'LICENSE.md'), path.join(bench, 'chart.js-LICENSE.md'));

copyAssets('serving/backends/js', ['worker.cjs']);
copyAssets('serving/backends/onnxruntime', ['worker.cjs']);

const graph = copyAssets('inspect/graph', ['graph.css', 'graph.js']);
const dagre = path.dirname(require.resolve('@dagrejs/dagre'));
// The build for browsers has all in one file; here it becomes a module.
const code = readFileSync(path.join(dagre, 'dagre.min.js'), 'utf8');
writeFileSync(
  path.join(graph, 'dagre.js'),
  `${code.replace(/^\/\/# sourceMappingURL=.*$/m, '')}\nmodule.exports = dagre;\n`,
);
copyFileSync(path.join(dagre, 'dagre.min.js.LEGAL.txt'), path.join(graph, 'dagre-LICENSE.txt'));

copyAssets('serving/status-page', [
  'status.html',
  'status.css',
  'charts.css',
  'format.js',
  'charts.js',
  'models.js',
  'status.js',
]);
