import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Worker } from 'node:worker_threads'
import { inspectDirectory } from 'semel/directory'
import { expect, onTestFinished, test } from 'vitest'
import { Said, Setting, startScript, until } from './verbs.js'

const parcel = { id: 1, key: 'key1', pad: '' }

test('a second opener of the same process is refused, whatever it calls the directory', async () => {
  const under = new Setting({})
  const stream = await under.open()
  onTestFinished(() => stream.close())
  const link = `${under.data}.link`
  symlinkSync(under.data, link)
  const names = [
    under.data,
    `${under.data}/`,
    `${dirname(under.data)}/./data//`,
    relative(process.cwd(), under.data),
    link,
  ]
  for (const dir of names) {
    const refused = await under.open({ dir }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ name: 'SemelError', code: 'SEMEL_LOCKED' })
    expect((refused as Error).message).toMatch(
      new RegExp(
        `^/\\S+ is in use by the process with pid ${process.pid}; close that stream, or open another directory$`,
      ),
    )
  }
  expect((await stream.send(parcel)).sequence).toBe(1)
})

test('of many processes that open a new directory at once exactly one gets it', async () => {
  const under = new Setting({ durability: 'process' })
  for (let round = 0; round < 3; round++) {
    const programs = Array.from({ length: 6 }, () => under.send({ burst: 1, pauseMs: 5 }))
    const said = (): Said[] => programs.map(({ stdout }) => new Said(stdout))
    await until(
      () => said().every(({ words }) => words.has('open') || words.has('refused')),
      'an answer to everyone',
      20_000,
    )
    const winners = programs.filter((_, i) => said()[i]?.words.has('open'))
    expect(winners).toHaveLength(1)
    for (const { errors, words } of said()) {
      if (words.has('open')) continue
      expect(errors.refused).toMatchObject({
        code: 'SEMEL_LOCKED',
        message: `${under.data} is in use by the process with pid ${winners[0]?.pid}; close that stream, or open another directory`,
      })
    }
    expect(inspectDirectory(under.data).holder).toBe(winners[0]?.pid)
    for (const program of programs) await under.killed(program)
  }
  await under.expectNothingLost()
}, 60_000)

test('of many threads that open a directory at once exactly one gets it', async () => {
  const under = new Setting({ durability: 'process' })
  const semel = import.meta.resolve('semel')
  const threads = Array.from(
    { length: 8 },
    () =>
      new Worker(
        new URL(
          `data:text/javascript,${encodeURIComponent(`
            import { parentPort } from 'node:worker_threads'
            const { open } = await import(${JSON.stringify(semel)})
            const stream = await open(new URL(${JSON.stringify(under.url.href)}), ${JSON.stringify(under.options)})
              .catch((error) => void parentPort.postMessage(error.code))
            if (stream !== undefined) {
              parentPort.postMessage('open')
              await new Promise((resolve) => parentPort.once('message', resolve))
              await stream.close()
            }`)}`,
        ),
      ),
  )
  onTestFinished(async () => void (await Promise.all(threads.map((one) => one.terminate()))))
  const heard = await Promise.all(
    threads.map((thread) => new Promise<string>((resolve) => thread.once('message', resolve))),
  )
  expect(heard.toSorted()).toEqual([...Array<string>(7).fill('SEMEL_LOCKED'), 'open'])
  const winner = threads[heard.indexOf('open')]
  const ended = new Promise((resolve) => winner?.once('exit', resolve))
  winner?.postMessage('close')
  await ended
  await under.expectNothingLost()
})

test('a lock that was left over holds nobody up, whosever pid is in it', async () => {
  const under = new Setting({ durability: 'process' })
  const holder = under.send({ pauseMs: 5 })
  await holder.lines(5)
  await under.killed(holder)
  const lock = join(under.data, 'lock')
  for (const content of [`${process.ppid}\n`, '1\n', '', 'not a number', 'x'.repeat(100_000)]) {
    writeFileSync(lock, content)
    expect(inspectDirectory(under.data).holder).toBe(0)
    await (await under.open()).close()
  }
  rmSync(lock)
  await (await under.open()).close()
  expect(existsSync(lock)).toBe(true)
  rmSync(lock)
  mkdirSync(lock)
  await expect(under.open()).rejects.toMatchObject({
    code: 'SEMEL_IO',
    message: expect.stringMatching(/^cannot open \S+\/lock: Is a directory; /),
  })
  rmSync(lock, { recursive: true })
  await under.expectNothingLost()
})

test('deleting the lock of an open stream lets nobody in', async () => {
  const under = new Setting({ durability: 'process' })
  const stream = await under.open()
  onTestFinished(() => stream.close().catch(() => {}))
  rmSync(join(under.data, 'lock'))
  await expect(under.open()).rejects.toMatchObject({
    code: 'SEMEL_LOCKED',
    message: `${under.data} is in use by another process; close that stream, or open another directory`,
  })
  await stream.send(parcel)
  under.receipts.push(1)
  await stream.close()
  await under.expectNothingLost()
})

test('a program that the holder has started does not keep the lock after its death', async () => {
  const under = new Setting({ durability: 'process' })
  const holder = startScript(`
    import { spawn } from 'node:child_process'
    import { open } from 'semel'
    const stream = await open(new URL(${JSON.stringify(under.url.href)}), ${JSON.stringify(under.options)})
    await stream.send(${JSON.stringify(parcel)})
    const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true })
    child.once('spawn', () => console.log(child.pid))
    setInterval(() => {}, 1000)`)
  await holder.lines(1)
  const child = Number(holder.stdout)
  onTestFinished(() => void process.kill(child, 'SIGKILL'))
  expect(inspectDirectory(under.data).holder).toBe(holder.pid)
  holder.kill()
  await holder.ended
  process.kill(child, 0)
  under.receipts.push(1)
  await under.expectNothingLost()
})
