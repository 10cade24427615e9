// trt-node doctor: what is installed, what is missing, how to mend it.

import { type DoctorReport, doctor } from '../doctor/doctor.js';
import {
  type Command,
  type Output,
  commonFlags,
  platformFlags,
  platformOptions,
} from './command.js';
import { type ParsedFlags, UsageError } from './flags.js';

function mark(ok: boolean): string {
  return ok ? 'ok     ' : 'missing';
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function reportText(report: DoctorReport): string {
  const { node, platform, addon, driver, devices, peerAccess, tensorrt, reference, problems } =
    report;
  const glibc = platform.glibc === '' ? 'no glibc' : `glibc ${platform.glibc}`;
  const lines = [
    `trt-node ${report.version}`,
    `${mark(node.ok)} Node.js      ${node.version}`,
    `${mark(platform.ok)} platform     ${platform.os} ${platform.arch}, ${glibc}`,
    `${mark(addon.ok)} addon        ${addon.path ?? '-'}`,
    `${mark(driver.ok)} driver       ${driver.cudaVersion === undefined ? '-' : `CUDA ${driver.cudaVersion}`}${driver.kernelModule === undefined ? '' : `, kernel module ${driver.kernelModule}`}`,
  ];
  for (const device of devices) {
    const capability = device.computeCapability.join('.');
    lines.push(
      `        device ${device.index}     ${device.name}, compute capability ${capability}, ${gigabytes(device.totalMemoryBytes)}`,
    );
  }
  if (devices.length > 1) {
    for (const [device, peers] of peerAccess.entries()) {
      const reached = peers.flatMap((can, peer) => (can && peer !== device ? [peer] : []));
      lines.push(
        `        peers of ${device}   ${reached.join(', ') || 'none: copies go through the host'}`,
      );
    }
  }
  const flavor = tensorrt.flavor === 'full' ? '' : ` (${tensorrt.flavor ?? ''})`;
  lines.push(
    `${mark(tensorrt.ok)} TensorRT     ${tensorrt.ok ? `${tensorrt.version ?? ''}${flavor}, ${tensorrt.path ?? ''}` : '-'}`,
  );
  if (tensorrt.ok) {
    lines.push(
      `        builder      ${tensorrt.builder ? 'yes' : 'no'}, ONNX parser ${tensorrt.parser ? 'yes' : 'no'}`,
    );
    for (const plugin of tensorrt.plugins) lines.push(`        plugins      ${plugin}`);
    for (const warning of tensorrt.warnings) lines.push(`        warning      ${warning}`);
  }
  for (const { path, version, flavor: kind } of tensorrt.found) {
    lines.push(`        on disk      ${path} (${version}, ${kind})`);
  }
  lines.push(
    `${mark(reference.ok)} reference    ${reference.ok ? `TensorRT ${reference.version ?? ''} on the CPU` : '-'}`,
  );
  if (reference.onnxruntime !== undefined) {
    const { path, version } = reference.onnxruntime;
    lines.push(`        computes by  ONNX Runtime ${version ?? ''}, ${path}`);
  }
  lines.push('');
  if (problems.length === 0) lines.push('Nothing is missing.');
  for (const { part, what, hint } of problems) lines.push(`${part}: ${what}`, `  ${hint}`);
  if (!report.ok && reference.ok) {
    lines.push(
      '',
      'Without a GPU, --runtime=reference runs everything on the CPU (slowly; to try things out).',
    );
  }
  return lines.join('\n');
}

function run(parsed: ParsedFlags, output: Output): Promise<number> {
  if (parsed.positionals.length > 0) {
    throw new UsageError(
      `doctor takes no file, got ${JSON.stringify(parsed.positionals[0])}`,
      'Write trt-node doctor.',
    );
  }
  const { runtime, library, pluginLibraries } = platformOptions(parsed);
  const report = doctor({ library, pluginLibraries });
  output.text(reportText(report));
  output.data(report);
  const good = runtime === 'reference' ? report.reference.ok : report.ok;
  return Promise.resolve(good ? 0 : 1);
}

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '[flags]',
  summary: 'Show what is installed, what is missing and how to mend it',
  flags: [...platformFlags.filter((flag) => flag.name !== 'device'), ...commonFlags],
  notes:
    'The exit status is 0 when engines can run on a GPU here (with --runtime=reference: on the CPU), else 1.',
  run,
};
