import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { SemelError, toError } from '../core/errors.js'
import { isKept, permissionRemedy } from './permission.js'

/** What every version of the core has. */
interface Loaded {
  readonly version: string
  setErrorClass(errorClass: new (code: string, message: string) => Error): void
}

/**
 * Loads the native core that belongs to this copy of the library.
 * @throws SemelError `SEMEL_NATIVE`, with what keeps it from being loaded and what helps
 */
export function loadAddon<A extends Loaded>(): A {
  const { root, version } = packageOf()
  const paths = [
    `prebuilds/${process.platform}-${process.arch}/semel.node`,
    'build/Release/semel.node',
  ]
  const path = paths.map((one) => fileURLToPath(new URL(one, root))).find(existsSync)
  if (path === undefined) {
    throw refusal(
      `there is no native core for ${process.platform}-${process.arch}; build it in ${fileURLToPath(root)} with: npm run build:native`,
    )
  }
  let found: A
  try {
    found = createRequire(import.meta.url)(path) as A
  } catch (cause) {
    const { code, message } = toError(cause) as NodeJS.ErrnoException
    throw refusal(
      code === 'ERR_DLOPEN_DISABLED'
        ? disabledText()
        : `the native core ${path} can't be loaded: ${message.trim()}; build it again for this system with: npm run build:native`,
      cause,
    )
  }
  if (found.version !== version) {
    throw refusal(
      `the native core ${path} has version ${found.version}, the library ${version}; build it again with: npm run build:native`,
    )
  }
  found.setErrorClass(SemelError)
  return found
}

function disabledText(): string {
  return isKept()
    ? `Node's permission model keeps semel's native core from being loaded; ${permissionRemedy}`
    : `Node was started without addons (--no-addons), and semel's core is one; start it without that option, which may stand in NODE_OPTIONS`
}

/** The package that this module is a file of. @throws SemelError where it has been bundled */
function packageOf(): { readonly root: URL; readonly version: string } {
  if (isKept('fs.read', import.meta.url)) {
    throw refusal(
      `Node's permission model keeps semel from reading its own files; ${permissionRemedy}`,
    )
  }
  try {
    const root = new URL('../../', import.meta.url)
    const { name, version } = JSON.parse(
      readFileSync(new URL('package.json', root), 'utf8'),
    ) as Record<'name' | 'version', string>
    if (name === 'semel') return { root, version }
  } catch {
    // No package, or no module: told as the same.
  }
  throw refusal(
    `semel has been bundled, and its native core and workers are files of its package; keep it external (esbuild --external:semel, rollup and webpack external(s), Next.js serverExternalPackages), and install it beside the bundle`,
  )
}

function refusal(message: string, cause?: unknown): SemelError {
  return new SemelError('SEMEL_NATIVE', message, cause === undefined ? {} : { cause })
}
