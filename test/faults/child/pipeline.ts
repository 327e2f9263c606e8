import { fixed, pipeline, type ExactlyOnceOptions, type MessageContext } from 'semel'
import { Parameters } from '../../fixtures/parameters.js'
import { attemptsMax, outputsOf, type Message } from '../messages.js'
import type { Setting } from '../setting.js'
import { faultPoint } from './points.js'
import { sinkOf } from './sink.js'

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

function finish() {
  const sink = sinkOf(setting, given.text('to'), given.text('seed'))
  const outputs = (message: Message) => outputsOf(message, setting.bank)
  switch (setting.operators) {
    case 'sync':
      return start.map(handle).flatMap(outputs).to(sink)
    case 'async':
      return start.map(handleLater).flatMap(outputs).to(sink)
    case 'batch':
      return start
        .map(handle)
        .batch(7, { within: '3ms' })
        .flatMap((batch) => batch.flatMap(outputs))
        .to(sink)
  }
}

export default finish()
