// Version policy: which of the versions that are there are served.

import type { ModelVersionPolicy } from '../config/model-config.js';

/**
 * The versions to serve, oldest first. Without a policy it is the latest one.
 *
 * @param existing - Versions that have a folder.
 * @param missing - Called with those that a specific policy asks for and that are not there.
 */
export function chooseVersions(
  policy: ModelVersionPolicy | undefined,
  existing: readonly string[],
  missing: (version: string) => void,
): string[] {
  const sorted = [...new Set(existing)].sort((a, b) => Number(a) - Number(b));
  if (policy?.specific !== undefined) {
    const wanted = new Set(policy.specific.versions.map(String));
    for (const version of wanted) if (!sorted.includes(version)) missing(version);
    return sorted.filter((version) => wanted.has(version));
  }
  if (policy?.all !== undefined) return sorted;
  const count = policy?.latest?.num_versions ?? 1;
  return sorted.slice(Math.max(0, sorted.length - Math.max(1, count)));
}
