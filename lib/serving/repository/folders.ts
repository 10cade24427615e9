// RepositoryFolders: the folders that a repository consists of, and which models lie in them.

import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileError, ServingError, fileError } from '../../errors.js';

/** Triton's words for a name that several folders have. */
export const duplicateReason = 'model appears in two or more repositories';

function isFolder(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function entriesOf(root: string): Dirent[] {
  try {
    return readdirSync(root, { withFileTypes: true });
  } catch (error) {
    throw fileError('read', root, error);
  }
}

export class RepositoryFolders {
  /** Real paths. */
  readonly roots: readonly string[];

  /** @throws ERR_TRT_FILE where a path is no folder that can be read */
  constructor(paths: readonly string[]) {
    const roots = new Set<string>();
    for (const given of paths) {
      try {
        const root = realpathSync(given);
        entriesOf(root);
        roots.add(root);
      } catch (error) {
        throw error instanceof FileError ? error : fileError('read', given, error);
      }
    }
    this.roots = [...roots];
  }

  /** The models: every folder whose name does not begin with a dot, and the repositories that it lies in. @throws ERR_TRT_FILE */
  scan(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const root of this.roots) {
      for (const entry of entriesOf(root)) {
        const { name } = entry;
        if (name.startsWith('.')) continue;
        const link = entry.isSymbolicLink() && isFolder(path.join(root, name));
        if (!entry.isDirectory() && !link) continue;
        const roots = found.get(name);
        if (roots === undefined) found.set(name, [root]);
        else roots.push(root);
      }
    }
    return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Where the model lies; undefined: nowhere. @throws ERR_TRT_MODEL_LOAD where it lies in several */
  rootOf(name: string): string | undefined {
    if (name.startsWith('.')) return undefined;
    const [root, ...others] = this.roots.filter((folder) => isFolder(path.join(folder, name)));
    if (others.length === 0) return root;
    throw new ServingError(
      'ERR_TRT_MODEL_LOAD',
      `failed to load '${name}', failed to poll from model repository: ${duplicateReason}`,
      'Rename one of the folders.',
    );
  }
}
