import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')

/**
 * Compiles sources, each in a module of its own, under the project's options.
 * @param prelude declarations that each of them sees; it imports the library from 'semel'
 * @returns the compiler's whole text for each, without file and place; empty where it has nothing to say
 */
export async function compilerTexts(
  prelude: string,
  sources: readonly string[],
): Promise<string[]> {
  const parent = join(root, 'build')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'compiler-texts-'))
  try {
    const library = relative(folder, join(root, 'src/index.js'))
    const options = {
      extends: relative(folder, join(root, 'tsconfig.json')),
      compilerOptions: { noEmit: true, rootDir: root },
      include: ['*.ts'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options))
    for (const [at, source] of sources.entries()) {
      const text = `${prelude.replaceAll("'semel'", `'${library}'`)}\n${source}\n`
      writeFileSync(join(folder, `source-${at}.ts`), text)
    }
    const texts = sources.map(() => [] as string[])
    let last: string[] = []
    for (const line of (await compile(folder)).split('\n')) {
      // A message goes on in the lines that begin with a space.
      const found = /source-(\d+)\.ts\(\d+,\d+\): error (?<text>TS.*)$/.exec(line)
      if (found !== null) last = texts[Number(found[1])] as string[]
      if (line !== '') last.push(found?.groups?.['text'] ?? line)
    }
    return texts.map((lines) => lines.join('\n'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function compile(folder: string): Promise<string> {
  return new Promise((resolve) => {
    // One thread: the order of a union's members depends on which types came first.
    const args = [tsc, '-p', folder, '--pretty', 'false', '--singleThreaded']
    execFile(process.execPath, args, { cwd: root }, (_error, stdout) => resolve(stdout))
  })
}
