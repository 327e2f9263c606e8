import { file, fixed, pipeline, type ExactlyOnceOptions, type MessageContext } from 'semel'
import { Parameters } from '../../fixtures/parameters.js'
import { attemptsMax, outputsOf, type Message } from '../messages.js'
import type { Setting } from '../setting.js'
import { faultPoint } from './points.js'
import { besidePath } from '../effects.js'
import { faultyFile, sinkOf } from './sink.js'

// setting  as JSON
// to       the file that the outputs go to
// seed     of what the sink draws
const given = new Parameters(import.meta.url)
const setting = JSON.parse(given.text('setting')) as Setting
const identified: ExactlyOnceOptions<Message> = { id: (message) => message.id, window: '1h' }

const known = setting.byPosition
  ? ({ by: 'position' } as const)
  : setting.dedup
    ? identified
    : undefined

function handle(message: Message, { attempt }: MessageContext): Message {
  faultPoint('runtime.handler')
  if (attempt <= message.fails) throw new Error(`attempt ${attempt} fails`)
  if (message.bounces !== true || attempt === 1) return message
  const { bounces: _, ...taken } = message
  return taken
}

async function handleLater(message: Message, context: MessageContext): Promise<Message> {
  await new Promise((resolve) => {
    setImmediate(resolve)
  })
  return handle(message, context)
}

const start = pipeline('faults')
  .accepts<Message>()
  .deliver(setting.delivery, known as typeof identified)
  .retry({ attempts: attemptsMax, backoff: fixed('2ms') })
  .keyBy((message) => message.key)

const to = given.text('to')
const outputs = (message: Message) => outputsOf(message, setting.bank)

function operated() {
  switch (setting.operators) {
    case 'sync':
      return start.map(handle).flatMap(outputs)
    case 'async':
      return start.map(handleLater).flatMap(outputs)
    case 'batch':
      return start
        .map(handle)
        .batch(7, { within: '3ms' })
        .flatMap((batch) => batch.flatMap(outputs))
  }
}

function finish() {
  const { beside, sink: kind } = setting
  const isRewindable = kind === 'rewindable'
  // Of files the last one refuses what is to be refused, so that those before it are cut back.
  const sink = sinkOf(setting, to, given.text('seed'), beside === 0)
  if (beside === 0) return operated().to(sink)
  const dead = file(besidePath(to, 'dead'))
  const copy = faultyFile(besidePath(to, 'copy'), { fails: false, refuses: isRewindable })
  const lettered = operated().deadLetters(dead)
  if (isRewindable) return lettered.to(sink, copy)
  if (beside === 2) return lettered.to(copy, sink)
  const even = faultyFile(besidePath(to, 'even'), { fails: setting.sinkFails, refuses: false })
  return lettered.branch({
    rows: (b) => b.to(copy, sink),
    even: (b) => b.filter(({ id }) => id % 2 === 0).to(even),
  })
}

export default finish()
