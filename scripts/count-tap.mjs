// How many tests a TAP report of node:test counts.

/** @returns {{ passed: number, failed: number, skipped: number }} */
export function countTap(report) {
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)`, 'm').exec(report)?.[1]);
  return { passed: count('pass'), failed: count('fail'), skipped: count('skipped') };
}
