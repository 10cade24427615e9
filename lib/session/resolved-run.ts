// ResolvedRun: a run that was checked, before it has a slot.

import type { DebugPlan } from './debug.js';
import { type ResolvedFeeds, emptyFeeds } from './feeds.js';
import type { IoTable } from './io-table.js';
import type { OutputPlan } from './outputs.js';
import { anyDevice } from './place.js';

/** A run that was checked. Filled again for the next one: good until then. */
export interface ResolvedRun {
  readonly feeds: ResolvedFeeds;
  profile: number;
  outputs: OutputPlan;
  /** What is watched; undefined: nothing. */
  debug: DebugPlan | undefined;
  /** The profile that was asked for. */
  pinned: number | undefined;
  /** The only device that it may run on, or {@link anyDevice}. */
  device: number;
  /** Another number whenever the feeds or the profile are others than before, never used twice; 0: nothing can be said. */
  version: number;
}

/** One that nothing was resolved into yet. */
export function emptyRun(table: IoTable, outputs: OutputPlan): ResolvedRun {
  return {
    feeds: emptyFeeds(table),
    profile: 0,
    outputs,
    debug: undefined,
    pinned: undefined,
    device: anyDevice,
    version: 0,
  };
}
