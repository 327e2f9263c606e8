import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { open } from 'semel'
import { describe, expect, it, vi } from 'vitest'
import { folder, node, root } from './programs.js'
import { scratch, small } from './verbs.js'

// Each is a process of its own, perhaps on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const library = pathToFileURL(join(root, 'dist/index.js')).href

const definition = `pipeline('loaded').accepts().deliver('at-least-once').to(memory())`
const opens = (what: string, workers: number): string =>
  `import { open, memory, pipeline } from 'semel'
const stream = await open(${what}, { dir: 'data', workers: ${workers}, ring: '64KiB', segment: '1MiB' })
await stream.close()
console.log('opened and closed')`

describe('the module of a pipeline', () => {
  it.each([
    ['has it as the default of its default', 'exports.default = it'],
    ['has it in a default that was wrapped twice', 'exports.default = { default: it }'],
    ['is it', 'module.exports = it'],
  ])('as CommonJS that %s is opened, by workers too', (_, exporting) => {
    const dir = folder({
      'p.cjs': `const { memory, pipeline } = require('./semel.cjs')
Object.defineProperty(exports, '__esModule', { value: true })
const it = ${definition}
${exporting}`,
      // CommonJS can't require what awaits at its top level, and gets it from where it was imported.
      'semel.cjs': 'module.exports = globalThis.semelForTests',
      'first.mjs': `import * as semel from '${library}'\nglobalThis.semelForTests = semel`,
      'main.mjs': opens(`new URL('p.cjs', import.meta.url)`, 1),
    })
    const ended = node(dir, '--import', './first.mjs', 'main.mjs')
    expect(ended).toEqual({ code: 0, said: 'opened and closed\n' })
  })

  it.each([
    ['none', `export const other = 1`, /undefined is not a pipeline/],
    [
      'one by another name',
      `import { memory, pipeline } from '${library}'\nexport const orders = ${definition}`,
      /it exports the pipeline loaded as orders, and none as default; write export default orders/,
    ],
    ['an import that is missing', `import 'no-such-package'`, /install what it imports/],
    ['JSON', undefined, /give a JavaScript module/],
    ['a folder', undefined, /give the path of a file/],
  ])('that has %s is refused with what helps', async (_, text, message) => {
    const dir = scratch()
    const path =
      text === undefined
        ? join(dir, /JavaScript/.test(message.source) ? 'm.json' : 'folder')
        : join(dir, 'm.mjs')
    if (text !== undefined) writeFileSync(path, text)
    else if (path.endsWith('.json')) writeFileSync(path, '{}')
    else mkdirSync(path)
    await expect(open(pathToFileURL(path), { ...small, dir, workers: 0 })).rejects.toThrow(message)
  })

  it.each([0, 1])('that opens itself at its top level, with %i workers, is told to be two', (n) => {
    const dir = folder({
      'one.mjs': `${opens('import.meta.url', n)}\nexport default ${definition}`,
    })
    const { code, said } = node(dir, 'one.mjs')
    expect(code).toBe(1)
    expect(said).toMatch(/the module .*one\.mjs opens itself while it is being imported/)
    expect(said).toMatch(/put the pipeline into a module of its own/)
  })

  it('that runs a program of its own in every thread is refused by its workers', () => {
    const dir = folder({
      'one.mjs': `import { open, memory, pipeline } from 'semel'
export default ${definition}
const run = async () => {
  const stream = await open(import.meta.url, { dir: 'data', workers: 1, ring: '64KiB', segment: '1MiB' })
  await stream.close()
}
await 0
export const done = run().catch((error) => { console.log(error.message); process.exitCode = 7 })`,
    })
    const { said } = node(dir, 'one.mjs')
    expect(said).toMatch(/opens itself: a worker thread imports it .* only where isMainThread/)
  })

  it('and program in one file, where only the main thread opens it, is run', () => {
    const dir = folder({
      'one.mjs': `import { isMainThread } from 'node:worker_threads'
import { open, memory, pipeline } from 'semel'
export default ${definition}
const run = async () => {
  const stream = await open(import.meta.url, { dir: 'data', workers: 1, ring: '64KiB', segment: '1MiB' })
  await stream.close()
  console.log('opened and closed')
}
if (isMainThread) void run()`,
    })
    expect(node(dir, 'one.mjs')).toEqual({ code: 0, said: 'opened and closed\n' })
  })

  it('that waits for ever at its top level is told of, and not waited for in silence', () => {
    const dir = folder({
      'p.mjs': `await new Promise(() => {})`,
      'main.mjs': opens(`new URL('p.mjs', import.meta.url)`, 0),
    })
    const { code, said } = node(dir, 'main.mjs')
    expect(code).toBe(1)
    expect(said).toMatch(/p\.mjs waits at its top level for something that never comes/)
  })

  it('that a loader of the main thread alone can read is refused as the worker meets it', () => {
    const dir = folder({
      'p.pipe': `import { memory, pipeline } from 'semel'\nexport default ${definition}`,
      'hooks.mjs': `export async function load(url, context, next) {
  return next(url, url.endsWith('.pipe') ? { ...context, format: 'module' } : context)
}`,
      'loader.mjs': `import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'
if (isMainThread) register('./hooks.mjs', import.meta.url)`,
      'main.mjs': opens(`new URL('p.pipe', import.meta.url)`, 1),
    })
    const { code, said } = node(dir, '--import', './loader.mjs', 'main.mjs')
    expect(said).toMatch(
      /p\.pipe can't be imported by a worker thread: .*build it to JavaScript and give that file, or run it in this thread with workers: 0/,
    )
    expect(code).toBe(1)
  })
})

describe('the native core', () => {
  const main = `import { open, memory, pipeline } from 'semel'
const workers = Number(process.argv[2] ?? 0)
await open(${definition}, { dir: 'data', workers }).then(
  (stream) => stream.close(), (error) => console.log(error.code, error.message))`

  it('is not to be built again where Node was told to load no addons', () => {
    const { said } = node(folder({ 'main.mjs': main }), '--no-addons', 'main.mjs')
    expect(said).toMatch(/^SEMEL_NATIVE Node was started without addons \(--no-addons\)/)
    expect(said).not.toMatch(/build/)
  })

  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'

  it.each([
    ['its files', []],
    ['addons', ['--allow-fs-read=*', '--allow-fs-write=*']],
  ])('says which permissions it needs, where %s are kept from it', (_, given) => {
    const dir = folder({ 'main.mjs': main })
    const own =
      given.length > 0 ? given : [`--allow-fs-read=${dir}/*`, `--allow-fs-read=${root}dist/*`]
    const { said } = node(dir, permission, ...own, 'main.mjs')
    // Where not even its folder may be read, Node says so before semel is there.
    expect(said).toMatch(/--allow-addons|ERR_ACCESS_DENIED/)
    if (given.length > 0) expect(said).toMatch(/SEMEL_NATIVE Node's permission model keeps/)
  })

  it('says that it was bundled, wherever the bundle lies', () => {
    const dir = scratch()
    // As a bundler leaves it: the files of semel in a package of another name, or of none.
    for (const place of ['shop', 'bare']) {
      cpSync(join(root, 'dist'), join(dir, place, 'dist'), { recursive: true })
      symlinkSync(join(root, 'node_modules'), join(dir, place, 'node_modules'), 'dir')
    }
    writeFileSync(
      join(dir, 'shop', 'package.json'),
      '{"name":"shop","version":"3.2.1","type":"module"}',
    )
    writeFileSync(join(dir, 'bare', 'dist', 'package.json'), '{"type":"module"}')
    for (const place of ['shop', 'bare']) {
      const from = main
        .replace(`'semel'`, `'./${place}/dist/index.js'`)
        .replace(definition, `pipeline('loaded').accepts().deliver('at-least-once').to(memory())`)
      writeFileSync(join(dir, `${place}.mjs`), from)
      expect(node(dir, `${place}.mjs`).said).toMatch(
        /^SEMEL_NATIVE semel has been bundled, .*keep it external \(esbuild --external:semel/,
      )
    }
  })
})
