// Dependencies: which models an ensemble calls, in what order they are loaded, and which ensembles a model's change concerns.

import { ServingError } from '../../errors.js';
import type { ModelDefinition } from './definition.js';
import { type ModelEntry, reasonOf } from './model-entry.js';

function unusable(reason: string, hint: string, cause?: unknown): ServingError {
  return new ServingError('ERR_TRT_MODEL_LOAD', reason, hint, { cause });
}

/** Names of the ensembles that call `name`, and of those that call these. */
export function dependentsOf(
  name: string,
  entries: Iterable<ModelEntry>,
  known: ReadonlyMap<string, ModelDefinition>,
): Set<string> {
  const callers = new Map<string, Set<string>>();
  const note = (definition: ModelDefinition | undefined): void => {
    for (const step of definition?.steps ?? []) {
      const set = callers.get(step.name) ?? new Set<string>();
      set.add((definition as ModelDefinition).name);
      callers.set(step.name, set);
    }
  };
  for (const { definition } of entries) note(definition);
  for (const definition of known.values()) note(definition);
  const found = new Set<string>();
  const visit = (of: string): void => {
    for (const caller of callers.get(of) ?? []) {
      if (caller === name || found.has(caller)) continue;
      found.add(caller);
      visit(caller);
    }
  };
  visit(name);
  return found;
}

/** The ensembles that call themselves, by way of others or not: name → why it is refused. */
export function cyclesOf(
  definitions: ReadonlyMap<string, ModelDefinition>,
): Map<string, ServingError> {
  const refused = new Map<string, ServingError>();
  const reaches = (from: string, to: string, seen: Set<string>): string | undefined => {
    for (const { name } of definitions.get(from)?.steps ?? []) {
      if (name === to) return from;
      if (seen.has(name)) continue;
      seen.add(name);
      const last = reaches(name, to, seen);
      if (last !== undefined) return last;
    }
    return undefined;
  };
  for (const name of definitions.keys()) {
    const last = reaches(name, name, new Set());
    if (last === undefined) continue;
    const reason = `circular dependency between ensembles: ${name} -> ... -> ${last} -> ${name}`;
    refused.set(name, unusable(reason, 'An ensemble cannot call itself, nor one that calls it.'));
  }
  return refused;
}

/** Why an ensemble's steps do not allow it to be loaded, in Triton's words; undefined: they do. */
export function unmetStep(
  definition: ModelDefinition,
  entries: ReadonlyMap<string, ModelEntry>,
): ServingError | undefined {
  const { name, steps } = definition;
  const hint = 'Load the models that the ensemble calls first, or correct its steps.';
  const missing = new Set<string>();
  for (const step of steps) if (!entries.has(step.name)) missing.add(step.name);
  if (missing.size > 0) {
    const list = [...missing].sort().join(', ');
    return unusable(
      `ensemble ${name} contains models that are not available or ambiguous: ${list}`,
      hint,
    );
  }
  for (const step of steps) {
    const entry = entries.get(step.name) as ModelEntry;
    const start = `ensemble '${name}' depends on '${step.name}'`;
    if (!entry.isReady) {
      const { failure } = entry;
      const why =
        failure === undefined
          ? ''
          : ` Model '${step.name}' loading failed with error: ${reasonOf(failure.error)}`;
      return unusable(`${start} which has no loaded version.${why}`, hint, failure?.error);
    }
    if (step.version !== undefined && !entry.ready.has(step.version)) {
      return unusable(`${start} whose required version ${step.version} is not loaded.`, hint);
    }
  }
  return undefined;
}

/** Generations of the models that it calls: another text means that one of them was loaded anew. */
export function stepGenerations(
  definition: ModelDefinition,
  entries: ReadonlyMap<string, ModelEntry>,
): string {
  return definition.steps
    .map(({ name }) => `${name}:${entries.get(name)?.generation ?? -1}`)
    .join();
}
