import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { SemelError } from '../../core/errors.js'

/** What is used of the package `echarts`. */
export interface ECharts {
  init(
    element: null,
    theme: null,
    options: { renderer: 'svg'; ssr: true; width: number; height: number },
  ): {
    setOption(option: object): void
    renderToSVGString(): string
    dispose(): void
  }
}

/**
 * The package `echarts`, an optional peer.
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export async function loadECharts(specifier = 'echarts'): Promise<ECharts> {
  try {
    return (await import(specifier)) as ECharts
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown
    throw missing(thrown)
  }
}

/**
 * The library as a script for a page.
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export function echartsScript(path = 'echarts/dist/echarts.min.js'): string {
  try {
    return readFileSync(createRequire(import.meta.url).resolve(path), 'utf8')
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw thrown
    throw missing(thrown)
  }
}

function missing(cause: unknown): SemelError {
  return new SemelError(
    'SEMEL_MISSING_PEER',
    'charts take the package echarts; install it: npm install echarts',
    { cause },
  )
}
