import { SemelError } from '../../../core/errors.js'

interface Magic {
  readonly bytes: readonly number[]
  readonly what: string
  /** A command that writes it as text, where there is one that is everywhere. */
  readonly command?: string
}

const text = (ascii: string): number[] => [...Buffer.from(ascii, 'latin1')]

/** How files begin that are no text; the longer beginning before the shorter. */
const magics: readonly Magic[] = [
  { bytes: [0x1f, 0x8b], what: 'compressed with gzip', command: 'gzip -dc' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'compressed with zstd', command: 'zstd -dc' },
  { bytes: [0xfd, ...text('7zXZ'), 0], what: 'compressed with xz', command: 'xz -dc' },
  { bytes: [0x04, 0x22, 0x4d, 0x18], what: 'compressed with lz4', command: 'lz4 -dc' },
  { bytes: [0x1f, 0x9d], what: 'compressed with compress', command: 'gzip -dc' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'a zip archive, or a workbook such as .xlsx' },
  { bytes: [...text('7z'), 0xbc, 0xaf, 0x27, 0x1c], what: 'a 7-Zip archive' },
  { bytes: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], what: 'a workbook such as .xls' },
  { bytes: text('SQLite format 3\0'), what: 'an SQLite database' },
  { bytes: [...text('PAR1'), 0x15], what: 'a Parquet file' },
  { bytes: [...text('Obj'), 1], what: 'an Avro file' },
  { bytes: text('ARROW1\0\0'), what: 'an Arrow file' },
  { bytes: [0xff, 0xfe, 0, 0], what: 'written in UTF-32', command: 'iconv -f UTF-32 -t UTF-8' },
  { bytes: [0, 0, 0xfe, 0xff], what: 'written in UTF-32', command: 'iconv -f UTF-32 -t UTF-8' },
  { bytes: [0xff, 0xfe], what: 'written in UTF-16', command: 'iconv -f UTF-16 -t UTF-8' },
  { bytes: [0xfe, 0xff], what: 'written in UTF-16', command: 'iconv -f UTF-16 -t UTF-8' },
]

const bzip2: Magic = { bytes: [], what: 'compressed with bzip2', command: 'bzip2 -dc' }
/** How much of a text without a byte order mark tells its encoding, and how little still does. */
const sampleBytesMax = 256
const sampleBytesMin = 16

/**
 * Refuses what can't be read as lines of UTF-8, whose rows would be rubbish or none.
 * @param head the first bytes of the file, 512 or more where it has as many
 * @throws SemelError `SEMEL_SOURCE` saying what it is, and the remedy
 */
export function refuseBinary(path: string, head: Buffer): void {
  const found = isBzip2(head)
    ? bzip2
    : (magics.find(({ bytes }) => begins(head, bytes)) ?? wideText(head))
  if (found === undefined) return
  const { what, command } = found
  const remedy =
    command === undefined
      ? 'export it as CSV or NDJSON'
      : path === '-'
        ? `put ${command} in front of the pipe`
        : `give its text instead: ${command} ${path} > FILE, or ${command} ${path} | semel run … --source -`
  throw new SemelError('SEMEL_SOURCE', `${path} is ${what}, and no lines of UTF-8; ${remedy}`)
}

function begins(head: Buffer, bytes: readonly number[]): boolean {
  return head.length >= bytes.length && bytes.every((byte, i) => head[i] === byte)
}

/** "BZh", a level and the digits of pi: the three letters alone are a text. */
function isBzip2(head: Buffer): boolean {
  return /^BZh[1-9]1AY&SY/.test(head.toString('latin1', 0, 10))
}

/** UTF-16 and UTF-32 without a byte order mark: most of what is written has zeros in fixed places. */
function wideText(head: Buffer): Magic | undefined {
  const sample = head.subarray(0, Math.min(head.length, sampleBytesMax) & ~3)
  if (sample.length < sampleBytesMin) return undefined
  const zeros = [0, 0, 0, 0]
  for (const [i, byte] of sample.entries()) if (byte === 0) zeros[i & 3] = (zeros[i & 3] ?? 0) + 1
  const quarter = sample.length / 4
  const zerosAt = zeros.map((count) => (count === quarter ? '0' : count === 0 ? 'x' : '?')).join('')
  switch (zerosAt) {
    case 'x000':
    case '000x':
      return wide('UTF-32', zerosAt === 'x000' ? 'LE' : 'BE')
    case 'x0x0':
    case '0x0x':
      return wide('UTF-16', zerosAt === 'x0x0' ? 'LE' : 'BE')
    default:
      return undefined
  }
}

function wide(encoding: string, order: string): Magic {
  return {
    bytes: [],
    what: `written in ${encoding}`,
    command: `iconv -f ${encoding}${order} -t UTF-8`,
  }
}
