import { isMainThread } from 'node:worker_threads'

/** What Node says when it can't import a module, and what helps; the first that fits. */
const remedies: readonly [code: string | undefined, message: RegExp, remedy: string][] = [
  ['ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', /^/, 'build it to JavaScript and give that file'],
  ['ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING', /^/, 'build it to JavaScript and give that file'],
  ['ERR_MODULE_NOT_FOUND', /^/, 'install what it imports, or correct the import'],
  ['MODULE_NOT_FOUND', /^/, 'install what it requires, or correct the path'],
  ['ERR_PACKAGE_PATH_NOT_EXPORTED', /^/, 'import what that package exports'],
  ['ERR_UNSUPPORTED_DIR_IMPORT', /^/, 'give the path of a file'],
  [undefined, /^ERR_IMPORT_A|type.*json|needs an import attribute/i, 'give a JavaScript module'],
  [
    undefined,
    /import statement outside a module|Unexpected token 'export'/,
    'name it .mjs, or put "type": "module" into its package.json',
  ],
  [
    undefined,
    /(?:require|module|exports) is not defined/,
    'name it .cjs, or write import and export',
  ],
  [undefined, /does not provide an export named/, 'correct the import, or build what it imports'],
]

/** What is to be done about a failed import, as the end of its error: `; name it .mjs`. */
export function importRemedy(error: Error & { readonly code?: unknown }): string {
  const { code, message } = error
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') return `; ${extensionRemedy(message)}`
  const remedy = remedies.find(
    ([known, pattern]) => (known === undefined || known === code) && pattern.test(message),
  )
  return remedy === undefined ? '' : `; ${remedy[2]}`
}

/** A loader such as tsx may serve the main thread alone. */
function extensionRemedy(message: string): string {
  return isMainThread
    ? `build it to JavaScript and give that file${/"\.(?:[cm]?ts|tsx)"/.test(message) ? ', or install tsx beside it' : ''}`
    : 'a loader that lets the program import it (tsx, ts-node) does not reach worker threads: build it to JavaScript and give that file, or run it in this thread with workers: 0'
}
