// The reference runtime in tests: plans of the fixture models, built once a process, sessions on them, and faults.

import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Session, type SessionOptions, build } from 'trt-node';
import { loadAddon } from '../../lib/load.js';
import { openPlatform } from '../../lib/platform.js';
import { knownAnswer } from './known-answers.js';

export const reference = { runtime: 'reference' } as const;

const plans = new Map<string, Promise<Uint8Array>>();

/** The plan of test/fixtures/onnx/NAME.onnx, with the profiles of the known answers. */
export function referencePlan(name: string): Promise<Uint8Array> {
  let plan = plans.get(name);
  if (plan === undefined) {
    const onnx = path.join('test/fixtures/onnx', `${name}.onnx`);
    plan = build({ ...reference, ...knownAnswer(name).build, onnx });
    plans.set(name, plan);
  }
  return plan;
}

/** A session of the reference runtime, closed when the calling test ends. */
export async function referenceSession(
  name: string,
  options: SessionOptions = {},
): Promise<Session> {
  const session = await Session.load(await referencePlan(name), { ...reference, ...options });
  onTestFinished(() => session.close());
  return session;
}

/** Makes the reference library fail (grammar: native/reference/README.md) until the calling test ends. */
export function injectFaults(spec: string): void {
  const platform = openPlatform(reference);
  const { addon } = loadAddon();
  addon.setReferenceFaults(platform, spec);
  onTestFinished(() => {
    addon.setReferenceFaults(platform, '');
  });
}
