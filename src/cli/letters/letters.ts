import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { toError } from '../../core/errors.js'
import { SemelError, type DeadLetter } from '../../index.js'
import { inspectDirectory, readDeadLetters, type DirectoryReport } from '../../directory.js'
import { classDirectoriesIn } from '../../runtime/directory/class-directories.js'
import { fileRequest, readRequest, requestPaths } from '../../runtime/failures/letter-requests.js'
import { inEach } from '../directories.js'
import { exitCodes, UsageError } from '../failures.js'
import type { LetterName, LettersOptions } from './letters-options.js'
import { letterJson, letterLine, letterText } from './letters-text.js'
import { print } from '../stdout.js'
import { paintFor } from '../terminal.js'
import { plural } from '../text.js'

type Of<A> = Extract<LettersOptions, { action: A }>

/** In one request: it is read whole. */
const requestLettersMax = 10_000
/** How long a process that has the directory open is waited for. */
const doneMsMax = 10_000
const lookMs = 50

/**
 * `semel dead-letters`: what failed for good, and what is to become of it.
 * @returns the exit code
 */
export async function deadLetters(options: LettersOptions): Promise<number> {
  if (options.action === 'list') return inEach(options, list)
  const classes = classDirectoriesIn(options.dir)
  if (classes.length > 0) {
    throw new UsageError(
      `semel dead-letters ${options.action}: ${options.dir} holds a directory for each class of messages; give one of ${classes.join(', ')}`,
    )
  }
  return options.action === 'show' ? show(options) : request(options)
}

async function list({ dir, json, limit, after }: Of<'list'>): Promise<number> {
  const report = inspectDirectory(dir)
  const pending = pendingIn(dir)
  const drops = [...pending.values()].filter((action) => action === 'drop').length
  const letters: DeadLetter[] = []
  let hasMore = false
  for (const letter of readDeadLetters(dir, after === undefined ? {} : { after })) {
    if (pending.get(nameOf(letter)) === 'drop') continue
    hasMore = letters.length === limit
    if (hasMore) break
    letters.push(letter)
  }
  if (json) {
    const { name, holder } = report
    const shown = letters.map((letter) => ({
      ...letterJson(letter),
      ...(pending.has(nameOf(letter)) ? { pending: 'retry' } : {}),
    }))
    await print(
      `${JSON.stringify({ dir, name, holder, letters: shown, more: hasMore, toBeDropped: drops })}\n`,
    )
    return exitCodes.ok
  }
  const paint = paintFor(process.stdout)
  const open = report.shards.reduce((sum, shard) => sum + shard.deadLettersOpen, 0)
  const lines = [
    `${paint('bold', report.name)}: ${plural(Math.max(0, open - drops), 'dead letter')}, ${dir}`,
    ...letters.map((letter) => {
      const line = letterLine(letter, process.stdout.columns, paint)
      return pending.has(nameOf(letter)) ? `${line}  (to be retried)` : line
    }),
  ]
  const last = letters.at(-1)
  if (hasMore && last !== undefined) {
    lines.push(`  more: semel dead-letters list ${dir} --after ${nameOf(last)}`)
  }
  if (drops > 0) lines.push(`  and ${drops} to be dropped by ${whoDoes(report)}`)
  await print(`${lines.join('\n')}\n`)
  return exitCodes.ok
}

async function show({ dir, json, letters: names }: Of<'show'>): Promise<number> {
  const letters = await found(dir, names)
  if (json) {
    await print(`${JSON.stringify({ dir, letters: letters.map(letterJson) })}\n`)
  } else {
    const paint = paintFor(process.stdout)
    for (const letter of letters) await print(letterText(letter, paint))
  }
  return exitCodes.ok
}

async function request({
  dir,
  json,
  action,
  letters: names,
}: Of<'retry' | 'drop'>): Promise<number> {
  const report = inspectDirectory(dir)
  const pending = pendingIn(dir)
  const chosen: LetterName[] = []
  let rows = 0
  for (const letter of names === 'all' ? readDeadLetters(dir) : await found(dir, names)) {
    const { shard, number, malformed } = letter
    if (action === 'retry' && malformed !== undefined) {
      if (names !== 'all') throw rowError(dir, letter)
      rows++
    } else if (!pending.has(nameOf(letter))) {
      chosen.push({ shard, number })
    }
  }
  const isDone = await file(dir, action, chosen, report.holder > 0)
  if (json) {
    await print(
      `${JSON.stringify({ dir, action, letters: chosen.length, rows, done: isDone, holder: report.holder })}\n`,
    )
    return exitCodes.ok
  }
  const what = plural(chosen.length, 'letter')
  const done = action === 'retry' ? 'retried' : 'dropped'
  const left =
    rows === 0
      ? ''
      : `; ${plural(rows, 'letter')} of rows that could not be read can only be dropped`
  await print(
    isDone ? `${done} ${what}${left}\n` : `${what} to be ${done} by ${whoDoes(report)}${left}\n`,
  )
  return exitCodes.ok
}

/** @returns whether it has been done */
async function file(
  dir: string,
  action: 'retry' | 'drop',
  letters: readonly LetterName[],
  isOpen: boolean,
): Promise<boolean> {
  if (letters.length === 0) return true
  const paths: string[] = []
  try {
    for (let from = 0; from < letters.length; from += requestLettersMax) {
      const part = letters.slice(from, from + requestLettersMax)
      paths.push(fileRequest(dir, { action, letters: part }))
    }
  } catch (cause) {
    const { message } = toError(cause)
    throw new SemelError(
      'SEMEL_IO',
      `the request can't be written in ${dir}: ${message}; let this user write there, or free space`,
      { cause },
    )
  }
  const isDone = (): boolean => !paths.some((path) => existsSync(path))
  const deadline = performance.now() + (isOpen ? doneMsMax : 0)
  while (!isDone() && performance.now() < deadline) await pause(lookMs)
  return isDone()
}

/** The letters with these names, in their order. @throws SemelError where one is not there */
async function found(dir: string, names: readonly LetterName[]): Promise<DeadLetter[]> {
  const wanted = new Set(names.map(nameOf))
  const letters = new Map<string, DeadLetter>()
  for (const letter of readDeadLetters(dir)) {
    if (wanted.has(nameOf(letter))) letters.set(nameOf(letter), letter)
    if (letters.size === wanted.size) break
  }
  return [...wanted].map((name) => {
    const letter = letters.get(name)
    if (letter !== undefined) return letter
    throw new SemelError(
      'SEMEL_INVALID_ARGUMENT',
      `${dir} has no open dead letter ${name}; semel dead-letters list ${dir} shows those that it has`,
    )
  })
}

function rowError(dir: string, letter: DeadLetter): SemelError {
  const name = nameOf(letter)
  return new SemelError(
    'SEMEL_INVALID_ARGUMENT',
    `the dead letter ${name} of ${dir} is a row that could not be read, and so no message to send again; send the corrected row as a new message, then drop the letter: semel dead-letters drop ${dir} ${name}`,
  )
}

/** What has been asked of open letters and not been done. */
function pendingIn(dir: string): ReadonlyMap<string, 'retry' | 'drop'> {
  const named = new Map<string, 'retry' | 'drop'>()
  for (const path of requestPaths(dir)) {
    const asked = readRequest(path)
    for (const letter of asked?.letters ?? []) {
      // The first that was asked is done first, and leaves nothing to the next.
      if (!named.has(nameOf(letter))) named.set(nameOf(letter), asked?.action ?? 'drop')
    }
  }
  const open = new Map<string, 'retry' | 'drop'>()
  if (named.size === 0) return open
  for (const letter of readDeadLetters(dir)) {
    const action = named.get(nameOf(letter))
    if (action !== undefined) open.set(nameOf(letter), action)
  }
  return open
}

function whoDoes({ holder }: DirectoryReport): string {
  return holder > 0
    ? `process ${holder}, which has the stream open`
    : 'the next opening of the stream'
}

function nameOf({ shard, number }: LetterName): string {
  return `${shard}:${number}`
}
