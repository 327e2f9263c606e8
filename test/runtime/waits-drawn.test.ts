import { join } from 'node:path'
import * as fc from 'fast-check'
import { fixed, open, pipeline, type Sink, type Stream } from 'semel'
import { expect, test } from 'vitest'
import { note, sleep, type Note } from './senders.js'
import { expectBalanced, scratch, small } from './verbs.js'

const runs = Number(process.env['SEMEL_RUNS'] ?? 40)
/** What a bounded wait may take beyond its bound, on a machine that is busy. */
const slackMs = 5000

/** How a handler, or a sink's write, treats a message. */
type Manner = 'quick' | 'slow' | 'hangs' | 'fails'
const manners: readonly Manner[] = ['quick', 'slow', 'hangs', 'fails']

type Call =
  | { readonly call: 'send'; readonly timeout: number; readonly acknowledge?: 'processed' }
  | { readonly call: 'sendMany' | 'outcomes'; readonly count: number; readonly timeout: number }
  | { readonly call: 'push'; readonly count: number }
  /** Sends without a timeout: whatever hangs, the close tells it. */
  | { readonly call: 'patient' }
  | { readonly call: 'flush' | 'drain' | 'ready' | 'retry'; readonly timeout: number }
  | {
      readonly call: 'aborted'
      readonly wait: 'flush' | 'drain' | 'ready'
      readonly afterMs: number
    }
  | { readonly call: 'close'; readonly timeout: number }
  | { readonly call: 'pause'; readonly ms: number }

const timeout = fc.integer({ min: 0, max: 60 })
const count = fc.integer({ min: 1, max: 200 })
const calls: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ call: fc.constant('send' as const), timeout }),
  fc.record({
    call: fc.constant('send' as const),
    timeout,
    acknowledge: fc.constant('processed' as const),
  }),
  fc.record({ call: fc.constantFrom('sendMany' as const, 'outcomes' as const), count, timeout }),
  fc.record({ call: fc.constant('push' as const), count }),
  fc.record({ call: fc.constant('patient' as const) }),
  fc.record({
    call: fc.constantFrom('flush' as const, 'drain' as const, 'ready' as const, 'retry' as const),
    timeout,
  }),
  fc.record({
    call: fc.constant('aborted' as const),
    wait: fc.constantFrom('flush' as const, 'drain' as const, 'ready' as const),
    afterMs: fc.integer({ min: 0, max: 30 }),
  }),
  fc.record({ call: fc.constant('close' as const), timeout }),
  fc.record({ call: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 20 }) }),
)

const setting = fc.record({
  durability: fc.constantFrom('process' as const, 'disk' as const, { interval: 20 }),
  delivery: fc.constantFrom('at-most-once' as const, 'at-least-once' as const),
  handler: fc.constantFrom(...manners),
  sink: fc.constantFrom(...manners),
  /** Of how many messages one is treated so. */
  every: fc.integer({ min: 1, max: 20 }),
  calls: fc.array(calls, { minLength: 1, maxLength: 12 }),
})

function treat(manner: Manner, isSuch: boolean): unknown {
  if (!isSuch) return undefined
  switch (manner) {
    case 'quick':
      return undefined
    case 'slow':
      return sleep(3)
    case 'hangs':
      return new Promise(() => {})
    case 'fails':
      throw new Error('drawn')
    default:
      return manner satisfies never
  }
}

/** Makes one call; what it returns settles in its bound, whatever hangs. */
async function make(stream: Stream<Note>, call: Call, id: () => number): Promise<void> {
  switch (call.call) {
    case 'send': {
      const { timeout: ms, acknowledge } = call
      await stream.send(note(id()), { timeout: ms, ...(acknowledge && { acknowledge }) })
      return
    }
    case 'sendMany':
      await stream.sendMany(
        Array.from({ length: call.count }, () => note(id(), 'x'.repeat(100))),
        { timeout: call.timeout },
      )
      return
    case 'outcomes': {
      const messages = Array.from({ length: call.count }, () => note(id()))
      for await (const { status } of stream.outcomes(messages, { timeout: call.timeout }))
        if (status !== 'acknowledged') return
      return
    }
    case 'patient':
      await stream.send(note(id()), { acknowledge: 'processed' })
      return
    case 'push':
      for (let pushed = 0; pushed < call.count; pushed++) stream.push(note(id(), 'x'.repeat(300)))
      return
    case 'flush':
    case 'drain':
    case 'ready':
      await stream[call.call]({ timeout: call.timeout })
      return
    case 'retry': {
      const [letter] = stream.deadLetters.list()
      if (letter !== undefined) await stream.deadLetters.retry(letter, { timeout: call.timeout })
      return
    }
    case 'aborted': {
      const stop = new AbortController()
      setTimeout(() => stop.abort('drawn'), call.afterMs)
      await stream[call.wait]({ signal: stop.signal })
      return
    }
    case 'close':
      await stream.close({ timeout: call.timeout })
      return
    case 'pause':
      return
    default:
      call satisfies never
  }
}

const codes = ['SEMEL_TIMEOUT', 'SEMEL_ACK_TIMEOUT', 'SEMEL_CLOSED']

test('whatever is called while handlers and sinks hang, each wait ends in its bound', async () => {
  await fc.assert(
    fc.asyncProperty(
      setting,
      async ({ durability, delivery, handler, sink, every, calls: drawn }) => {
        const own: Sink<Note> = {
          name: 'drawn',
          kind: 'repeatable',
          connect: () => ({
            write: (outputs) =>
              treat(
                sink,
                outputs.some(({ id }) => id % every === 0),
              ) as Promise<void>,
            close() {},
          }),
        }
        const definition = pipeline('drawn')
          .accepts<Note>()
          .deliver(delivery)
          .retry({ attempts: 2, backoff: fixed('1ms') })
          .map((sent) => {
            const pending = treat(handler, sent.id % every === 0)
            return pending === undefined ? sent : (pending as Promise<void>).then(() => sent)
          })
          .to(own)
        const stream: Stream<Note> = await open<Note>(definition as never, {
          ...small,
          workers: 0,
          ...(delivery === 'at-most-once' ? {} : { dir: join(scratch(), 'data'), durability }),
        })
        let last = 0
        const pending: Promise<void>[] = []
        const patient: Promise<void>[] = []
        for (const call of drawn) {
          // The others are under way side by side.
          if (call.call === 'pause') {
            await sleep(call.ms)
            continue
          }
          const boundMs = ('timeout' in call ? call.timeout : 60) + slackMs
          const made = make(stream, call, () => ++last).catch((error: unknown) => {
            if (error === 'drawn') return
            expect(codes).toContain((error as { code?: string }).code)
          })
          if (call.call === 'patient') {
            patient.push(made)
            continue
          }
          const late = sleep(boundMs).then(() => {
            throw new Error(`${JSON.stringify(call)} has not ended in ${boundMs} ms`)
          })
          late.catch(() => {})
          pending.push(Promise.race([made, late]))
        }
        await Promise.all(pending)
        await stream.close({ timeout: 20 })
        await Promise.race([
          Promise.all(patient),
          sleep(slackMs).then(() => {
            throw new Error(`the close has not told who sends within ${slackMs} ms`)
          }),
        ])
        expectBalanced(stream.counters())
      },
    ),
    { numRuns: runs, endOnFailure: true },
  )
}, 120_000)
