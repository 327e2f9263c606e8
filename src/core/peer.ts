import { SemelError } from './errors.js'

/**
 * A package that is an optional peer.
 * @param specifier what is imported of it
 * @param purpose for what, in words: `reading CSV`
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export async function importPeer(
  specifier: string,
  purpose: string,
  name: string,
): Promise<unknown> {
  try {
    return await import(specifier)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown
    throw new SemelError(
      'SEMEL_MISSING_PEER',
      `${purpose} takes the package ${name}; install it: npm install ${name}`,
      { cause: thrown },
    )
  }
}
