import { connect } from 'node:net'
import type { AcknowledgedConnection, AcknowledgedSource, HandedOut } from 'semel'
import type { Message } from '../messages.js'
import type { Setting } from '../setting.js'
import { rowOf } from '../upstream/rows.js'
import { Wire, type Line } from '../upstream/wire.js'
import { Inbox } from './inbox.js'
import { faultPoint } from './points.js'

/** The parent's queue. */
export function upstreamQueue(path: string, setting: Setting): AcknowledgedSource<Message> {
  return {
    name: 'the queue',
    kind: 'acknowledged',
    async connect({ signal }) {
      const inbox = new Inbox<Line>(signal)
      const wire = new Wire(connect(path), (line) => inbox.put(line))
      void wire.over.then(() => inbox.fail(new Error('the queue has ended the connection')))
      wire.send({ join: 'queue' })
      const begun = await inbox.next()
      if (begun === undefined) throw new Error('nobody wants a connection any more')
      return connectionOf(wire, inbox, setting, begun['leaseMs'] as number)
    },
  }
}

function connectionOf(
  wire: Wire,
  inbox: Inbox<Line>,
  setting: Setting,
  leaseMs: number,
): AcknowledgedConnection<Message> {
  return {
    leaseMs,
    async *read() {
      for (;;) {
        wire.send({ name: 'more' })
        const line = await inbox.next()
        if (line === undefined || line['event'] === 'end') return
        const rows = line['rows'] as [id: number, token: number][]
        yield rows.map(([id, token]): HandedOut<Message> => ({ ...rowOf(id, setting), token }))
      }
    },
    async safe(tokens) {
      faultPoint('upstream.before-safe')
      const stale = await wire.call<number[]>('safe', { tokens })
      faultPoint('upstream.safe')
      return stale
    },
    async extend(tokens) {
      await wire.call('extend', { tokens })
    },
    close: () => wire.end(),
  }
}
