// What dist/ needs besides the compiled files: the HTML report's style and script, and Chart.js with its license.
import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = path.join(root, 'dist/bench/assets');
const chart = path.dirname(createRequire(import.meta.url).resolve('chart.js'));

mkdirSync(target, { recursive: true });
for (const name of ['report.css', 'report.js']) {
  copyFileSync(path.join(root, 'lib/bench/assets', name), path.join(target, name));
}
copyFileSync(path.join(chart, 'chart.umd.min.js'), path.join(target, 'chart.umd.min.js'));
copyFileSync(path.join(chart, '..', 'LICENSE.md'), path.join(target, 'chart.js-LICENSE.md'));
