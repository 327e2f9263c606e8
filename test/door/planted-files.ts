import type { Planted } from './bug.js'

const source = 'src/connectors/file/source'
const sink = 'src/connectors/file/sink'
const growing = 'test/connectors/file-growing.test.ts'
const identity = 'test/connectors/file-identity.test.ts'
const owner = 'test/connectors/file-sink-owner.test.ts'

/** Of files that are read while they change, and of the sink's files among others' writes. */
export const plantedInFiles: readonly Planted[] = [
  {
    name: 'unended-taken',
    what: 'a last line that is still being written is taken',
    by: growing,
    file: 'src/connectors/file/rows/rows.ts',
    from: "if (lines.unended && this.#last !== 'take') {",
    to: 'if (false) {',
  },
  {
    name: 'half-a-line-end',
    what: 'a newline is a line of its own where the return before it was read earlier',
    by: growing,
    file: 'src/connectors/file/rows/line-reader.ts',
    from: 'afterReturn = block[returns] === carriageReturn',
    to: 'afterReturn = false',
  },
  {
    name: 'header-again',
    what: 'a table that is gone on with is read without its header',
    by: growing,
    file: `${source}/partition.ts`,
    from: 'headerRecords = new CsvRecords(from, csv, delimiter, lineBytesMax, last)',
    to: 'from = lines',
  },
  {
    name: 'known-by-its-path',
    what: 'a file is known again by its path and not by its identity',
    by: identity,
    file: `${source}/find-known.ts`,
    from: 'asked.find(({ seen }) => isSameInode(seen.identity, one.identity))',
    to: 'asked.find(({ seen }) => seen.identity.path === one.identity.path)',
  },
  {
    name: 'known-by-its-header',
    what: 'a file that begins as another one did is taken for it',
    by: identity,
    file: `${source}/file-identity.ts`,
    from: 'return hasPrints(seen.path, prints, offset)',
    to: 'return prints.length >= 0',
  },
  {
    name: 'copied-and-cut',
    what: 'what was not read of a file that was copied and cut off is not looked for',
    by: identity,
    file: `${source}/find-known.ts`,
    from: 'if (copy !== undefined) put(one, copy)',
    to: '',
  },
  {
    name: 'wide-as-rubbish',
    what: 'UTF-16 without a mark is read as lines of rubbish',
    by: 'test/connectors/file-kinds.test.ts',
    file: `${source}/magic.ts`,
    from: "return wide('UTF-16', zerosAt === 'x0x0' ? 'LE' : 'BE')",
    to: 'return undefined',
  },
  {
    name: 'cuts-others',
    what: 'a sink cuts off what others have appended',
    by: owner,
    file: `${sink}/go-on.ts`,
    from: 'if (span !== undefined && place >= span.to) return size',
    to: '',
  },
  {
    name: 'over-an-unended-line',
    what: 'a sink writes over the last line of another, which has no end',
    by: owner,
    file: `${sink}/whole-lines.ts`,
    from: `writeAt(fd, Buffer.of(newline), size)
  return size + 1`,
    to: 'return readAt(fd, 0, size).lastIndexOf(newline) + 1',
  },
  {
    name: 'over-the-appended',
    what: 'a sink writes over what others have appended between two of its writes',
    by: owner,
    file: `${sink}/connection.ts`,
    from: 'if (!endsAt(file.fd, this.#size)) {',
    to: 'if (fstatSync(file.fd).size < this.#size) {',
  },
  {
    name: 'length-of-another',
    what: 'whatever lies at the path of a sink is cut to the length of its earlier file',
    by: owner,
    file: `${sink}/go-on.ts`,
    from: 'if (at.inode === file.inode && hasHead(at, head)) return at',
    to: 'if (hasHead(at, noHead)) return at',
  },
  {
    name: 'two-on-one-file',
    what: 'two streams write one file',
    by: 'test/runtime/sink-files.test.ts',
    file: 'dist/connectors/file/sink/connection.js',
    from: 'this.#context.claims?.claim(file.path);',
    to: '',
  },
]
