// What a result must tell of the machine: GPU, clocks, driver, CPU, versions.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

const gpuFields = {
  name: 'name',
  driver: 'driver_version',
  memoryMiB: 'memory.total',
  computeCapability: 'compute_cap',
  persistenceMode: 'persistence_mode',
  powerLimitW: 'power.limit',
  clockSmMaxMHz: 'clocks.max.sm',
  clockMemoryMaxMHz: 'clocks.max.memory',
};
const stateFields = {
  clockSmMHz: 'clocks.sm',
  clockMemoryMHz: 'clocks.mem',
  temperatureC: 'temperature.gpu',
  powerW: 'power.draw',
  performanceState: 'pstate',
};

function output(command, args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: 'pipe', timeout: 20_000 }).trim();
  } catch {
    return undefined;
  }
}

/** The first GPU's values of `fields`; null without nvidia-smi. One that this driver does not know costs the others nothing. */
function query(fields) {
  const ask = (names) =>
    output('nvidia-smi', [`--query-gpu=${names}`, '--format=csv,noheader,nounits', '-i', '0']);
  const names = Object.values(fields);
  const line = ask(names.join());
  const values = line?.split(',') ?? (ask('name') === undefined ? undefined : names.map(ask));
  if (values === undefined) return null;
  return Object.fromEntries(
    Object.keys(fields).map((name, i) => {
      const text = (values[i] ?? '').trim();
      const numeric = text !== '' && name !== 'driver' && name !== 'computeCapability';
      return [name, numeric && !Number.isNaN(Number(text)) ? Number(text) : text];
    }),
  );
}

/** Clocks, temperature and power right now; null without a GPU. */
export const gpuState = () => query(stateFields);

function cudaOfDriver() {
  return /CUDA Version: ([\d.]+)/.exec(output('nvidia-smi', []) ?? '')?.[1];
}

function osName() {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** `root`: of the project, for its commit. */
export function environment(root) {
  const gpu = query(gpuFields);
  const report = process.report?.getReport?.();
  return {
    gpu: gpu && { ...gpu, cuda: cudaOfDriver() },
    gpuBefore: gpuState(),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    // What else the machine was doing: one, five and fifteen minutes before the start.
    loadAverage: os.loadavg().map((one) => Math.round(one * 100) / 100),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    os: osName(),
    glibc: report?.header?.glibcVersionRuntime,
    node: process.versions.node,
    commit:
      output('git', ['-C', root, 'rev-parse', '--short', 'HEAD']) ?? process.env.TRT_NODE_COMMIT,
  };
}
