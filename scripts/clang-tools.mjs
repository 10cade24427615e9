// clang-format and clang-tidy of one version for everybody: PyPI wheels in .cache/clang-tools.
//   node scripts/clang-tools.mjs format            formats native/ and benchmarks/
// scripts/test.mjs calls checkFormat() and checkTidy(); both return the number of files looked at, or undefined when the tools cannot
// be installed (no Python, no network), which is an error only in CI.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, run } from './run.mjs';

const wheels = ['clang-format==20.1.8', 'clang-tidy==22.1.8'];
const cache = path.join(root, '.cache');
const bin = path.join(cache, 'clang-tools', 'bin');

function installed() {
  const stamp = path.join(cache, 'clang-tools', 'wheels.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wheels.join()) return true;
  try {
    run('python3', ['-m', 'venv', path.join(cache, 'clang-tools')], { quiet: true });
    run(path.join(bin, 'pip'), ['install', '--quiet', ...wheels], { quiet: true });
  } catch (error) {
    if (process.env.CI) throw error;
    console.log(`Not checked: clang-format and clang-tidy cannot be installed. ${error.message}`);
    return false;
  }
  writeFileSync(stamp, wheels.join());
  return true;
}

function sources(...extensions) {
  const patterns = extensions.flatMap((extension) =>
    ['native', 'benchmarks'].map((folder) => `${folder}/**/*${extension}`),
  );
  const listed = run('git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns], {
    quiet: true,
  });
  return listed.split('\n').filter((file) => file && existsSync(path.join(root, file)));
}

export function checkFormat({ write = false } = {}) {
  if (!installed()) return undefined;
  // A generated file is as its generator writes it.
  const generated = (file) =>
    /do not edit/.test(readFileSync(path.join(root, file), 'utf8').slice(0, 200));
  const files = sources('.h', '.cc').filter((file) => !generated(file));
  if (files.length > 0) {
    run(path.join(bin, 'clang-format'), [...(write ? ['-i'] : ['--dry-run', '-Werror']), ...files]);
  }
  return files.length;
}

/** A source and our headers that it includes, by their paths, with their texts. */
function withHeaders(source) {
  const seen = new Map();
  const visit = (file) => {
    if (seen.has(file) || !existsSync(file)) return;
    const text = readFileSync(file, 'utf8');
    seen.set(file, text);
    for (const [, name] of text.matchAll(/^\s*#\s*include\s+"([^"]+)"/gm)) {
      visit(path.join(path.dirname(file), name));
      visit(path.join(root, 'native', name));
    }
  };
  visit(source);
  return seen;
}

/** The hash of a source, of our headers that it includes, and of what else decides the verdict. */
function fingerprint(entry) {
  const hash = createHash('sha256');
  for (const text of withHeaders(entry.file).values()) hash.update(text);
  hash.update(readFileSync(path.join(root, '.clang-tidy')));
  hash.update(entry.command + wheels.join());
  return hash.digest('hex');
}

/** What the last commits changed; in a clone without history that is everything. */
function recentlyChanged() {
  const log = ['log', '--no-merges', '--name-only', '--format=', '-n', '5', '--', 'native'];
  const files = run('git', log, { quiet: true }).split('\n');
  return new Set(files.filter(Boolean).map((file) => path.join(root, file)));
}

/** Checks every source in build/compile_commands.json; a source found clean is not looked at again until something changes. */
export async function checkTidy() {
  if (!installed()) return undefined;
  const stamps = path.join(cache, 'clang-tidy');
  mkdirSync(stamps, { recursive: true });
  const entries = JSON.parse(readFileSync(path.join(root, 'build/compile_commands.json'), 'utf8'));
  // All of it takes CI longer than it has on two cores: there the shipped sources that the last commits changed, and through them their headers. A
  // developer's machine, where a source found clean is not looked at again, checks everything (npm run lint).
  const isTest = ({ file }) => /[/\\]native[/\\](reference[/\\]tests|test)[/\\]/.test(file);
  const recent = process.env.CI ? recentlyChanged() : undefined;
  const wanted =
    recent === undefined ? entries : entries.filter((one) => !isTest(one) && recent.has(one.file));
  const todo = wanted
    .map((entry) => ({ file: entry.file, stamp: path.join(stamps, fingerprint(entry)) }))
    .filter(({ stamp }) => !existsSync(stamp));
  let failures = 0;
  const worker = async () => {
    for (let next = todo.shift(); next; next = todo.shift()) {
      const { code, output } = await tidy(next.file);
      if (code === 0) {
        writeFileSync(next.stamp, '');
      } else {
        failures++;
        process.stdout.write(output);
      }
    }
  };
  console.log(`clang-tidy: ${todo.length} of ${entries.length} sources to check`);
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (failures > 0) throw new Error(`clang-tidy objects to ${failures} sources`);
  return wanted.length;
}

function tidy(file) {
  return new Promise((resolve) => {
    // The compile commands are g++'s, its warnings included; clang's own warnings are not asked for.
    const flags = [
      '--extra-arg=-w',
      '--extra-arg=-Wno-error',
      '--extra-arg=-Wno-unknown-warning-option',
    ];
    const child = spawn(path.join(bin, 'clang-tidy'), ['-p', 'build', '--quiet', ...flags, file], {
      cwd: root,
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (code) => resolve({ code, output }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'format') checkFormat({ write: true });
  else throw new Error('usage: node scripts/clang-tools.mjs format');
}
