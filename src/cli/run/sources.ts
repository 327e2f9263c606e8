import { textStream } from '../../connectors/file/source/text-stream.js'
import { fileSource, type Source } from '../../index.js'
import { UsageError } from '../failures.js'
import type { RunOptions } from './run-options.js'

/** What is called so is standard input. */
const standardInput = '-'

/**
 * The source that the words behind `--source` make.
 * @throws UsageError where standard input is named beside files
 */
export function sourceOfFiles(
  files: readonly string[],
  { format, lastLine }: Pick<RunOptions, 'format' | 'lastLine'>,
): Source<unknown> {
  if (!files.includes(standardInput)) {
    return fileSource(files, {
      ...(format === undefined ? {} : { format }),
      ...(lastLine === undefined ? {} : { lastLine }),
    })
  }
  if (files.length > 1) {
    throw new UsageError(
      'semel run: --source - is standard input, which goes without other files; give it alone, or ./- for a file of that name',
    )
  }
  return textStream(process.stdin, standardInput, { format: format ?? 'ndjson' })
}
