// The public names of trt-node, as TypeScript sees them in the package's declarations; and whether TypeScript code compiles that imports it.

import path from 'node:path';
import ts from 'typescript';

const root = path.join(import.meta.dirname, '../..');
/** Declarations are read in half the time of the sources that they were made from. */
const index = path.join(root, 'dist/index.d.ts');

/** What a snippet is compiled with: strict, as a new project has it. */
const compilerOptions: ts.CompilerOptions = {
  strict: true,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: ['node'],
  esModuleInterop: true,
  skipLibCheck: true,
  noEmit: true,
  paths: { 'trt-node': [index] },
};

/** Compiles snippets (by name) beside the declarations. */
export class PublicNames {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  readonly #exports: ReadonlyMap<string, ts.Symbol>;
  readonly #snippets: ReadonlyMap<string, string>;
  readonly #words = new Set<string>();
  readonly #seen = new Set<ts.Type>();

  constructor(snippets: ReadonlyMap<string, string>) {
    const files = new Map(
      [...snippets].map(([name, text]) => [path.join(root, 'docs', `${name}.ts`), text]),
    );
    const host = ts.createCompilerHost(compilerOptions);
    const { fileExists, readFile, getSourceFile } = host;
    host.fileExists = (file) => files.has(file) || fileExists(file);
    host.readFile = (file) => files.get(file) ?? readFile(file);
    host.getSourceFile = (file, options, ...rest) => {
      const text = files.get(file);
      return text === undefined
        ? getSourceFile(file, options, ...rest)
        : ts.createSourceFile(file, text, options);
    };
    this.#snippets = files;
    this.#program = ts.createProgram([index, ...files.keys()], compilerOptions, host);
    this.#checker = this.#program.getTypeChecker();
    const module = this.#checker.getSymbolAtLocation(this.#program.getSourceFile(index)!)!;
    const exported = this.#checker.getExportsOfModule(module).map((symbol) => {
      const real = symbol.flags & ts.SymbolFlags.Alias;
      return [symbol.name, real ? this.#checker.getAliasedSymbol(symbol) : symbol] as const;
    });
    this.#exports = new Map(exported);
    for (const [name, symbol] of this.#exports) {
      this.#words.add(name);
      for (const type of this.#typesOf(symbol)) this.#collect(type);
    }
  }

  /** What TypeScript says against the snippets. */
  problems(): string[] {
    return [...this.#snippets.keys()].flatMap((file) => {
      const source = this.#program.getSourceFile(file)!;
      const found = [
        ...this.#program.getSyntacticDiagnostics(source),
        ...this.#program.getSemanticDiagnostics(source),
      ];
      return found.map(({ messageText, start = 0 }) => {
        const { line } = source.getLineAndCharacterOfPosition(start);
        return `${path.basename(file, '.ts')} + ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      });
    });
  }

  /** Whether it is an export, or a property, parameter or literal of what is exported. */
  has(word: string): boolean {
    return this.#words.has(word);
  }

  /** Whether `owner` is exported and has (or its instances have) the property. */
  hasProperty(owner: string, property: string): boolean {
    const symbol = this.#exports.get(owner);
    if (symbol === undefined) return false;
    return this.#typesOf(symbol).some(
      (type) => this.#checker.getPropertyOfType(type, property) !== undefined,
    );
  }

  /** Of the value and of the type of that name: a class has both. */
  #typesOf(symbol: ts.Symbol): ts.Type[] {
    const types: ts.Type[] = [];
    if (symbol.flags & ts.SymbolFlags.Value) types.push(this.#checker.getTypeOfSymbol(symbol));
    if (symbol.flags & ts.SymbolFlags.Type) {
      types.push(this.#checker.getDeclaredTypeOfSymbol(symbol));
    }
    return types;
  }

  #collect(type: ts.Type): void {
    if (this.#seen.has(type)) return;
    this.#seen.add(type);
    if (type.isStringLiteral()) this.#words.add(type.value);
    if (type.isUnionOrIntersection()) type.types.forEach((part) => this.#collect(part));
    for (const argument of this.#checker.getTypeArguments(type as ts.TypeReference)) {
      this.#collect(argument);
    }
    const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()];
    for (const signature of signatures) {
      this.#collect(signature.getReturnType());
      for (const parameter of signature.getParameters()) this.#collectSymbol(parameter);
    }
    for (const property of type.getProperties()) {
      const file = property.declarations?.[0]?.getSourceFile().fileName ?? root;
      const isOurs = !file.includes('node_modules') && file.startsWith(root);
      const isInternal = property.getJsDocTags().some(({ name }) => name === 'internal');
      if (isOurs && !isInternal && !property.name.startsWith('__')) this.#collectSymbol(property);
    }
  }

  #collectSymbol(symbol: ts.Symbol): void {
    this.#words.add(symbol.name);
    this.#collect(this.#checker.getTypeOfSymbol(symbol));
  }
}
