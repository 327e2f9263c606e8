import { describe, expect, it } from 'vitest'
import { file } from '../../src/connectors/file/sink/sink.js'
import { forEach } from '../../src/connectors/for-each/sink.js'
import { guaranteeText } from '../../src/delivery/guarantee-text.js'
import { reported } from './verbs.js'

const put = forEach(() => {}, { idempotent: true, name: 'put' })
const store = forEach(() => {}, { name: 'store' })

describe('the whole report, as a text, on', () => {
  it('exactly-once to a file, on disk', () => {
    expect(guaranteeText(reported('exactly-once', file('out.ndjson')))).toBe(
      `orders: exactly-once (disk, stored), copies known for 24 h; weakest hop: reader, who may see outputs
  that a crash takes back while the stream is open

a source   replayable (exactly-once): Each message is stored with its offset, and a reading goes on
           behind what every shard has.
           acknowledged (exactly-once): A message is acknowledged once it is stored; one that is
           given again is known by its id for 24 h.
           live (at-most-once): What was taken and not stored is lost with the process. What whoever
           feeds it gives twice is known by its id for 24 h.

sender     exactly-once, within the window
           send resolves with a receipt when the message is on disk, written and synced;
           receipt.outcome, when its outcome is committed. push gives none.
           Without an answer the message may be stored or not: send it again with the same id and
           key until there is one; copies are dropped.
           Until: 24 h between two copies' being stored. A copy that is stored later is a new
           message; a shard that knows 16,777,216 ids takes no more until the oldest have left the
           window, and a copy that waits meanwhile for longer than the window is a new message.
             · a message sent again (holds): It is a duplicate, and dropped, for 24 h.
             · a clock that jumps (holds): No effect while the stream is open. Set forward while it
               is closed, the clock is believed, and ids are forgotten earlier.

stored     exactly-once
           The message is a frame in the journal, which is written and synced in groups.
           A receipt waits for the group that covers its message and all before it in the shard, and
           is worth what fdatasync is worth on the device.
           Until: its outcome is committed: the ring is not written over before that.
             · a full disk (stops): The stream ends where it needs space (SEMEL_NO_SPACE); nothing
               stored is lost, and opened with some it goes on.
             · a failed sync (stops): The stream ends (SEMEL_POISONED), and no receipt is given
               after it; opening it again recovers.

processed  exactly-once
           The message is acknowledged together with the sink's commit. Its outputs, its id and its
           outcome are one commit. Its handlers may run again; their outputs count once. What they
           do elsewhere is outside of this: give the id along as an idempotency key.
           A message that fails is parked and tried again; after 3 attempts it becomes a dead
           letter, kept with payload, error and history. Messages of one key take effect in the
           order in which they were stored: behind a parked one they wait.
             · a handler that fails (holds): The attempt has no outputs and the next one runs
               everything again; after the last the message is a dead letter, which is kept.
             · a worker's death (holds): It is replaced, also where it shows no sign of life for
               30 s; what it had not committed is processed again; its outputs count once. A message
               that always kills its worker is a dead letter in the end.
             · kill -9 (holds): What was not committed is processed again when the stream is opened;
               its outputs count once.
             · power loss (holds): What was not committed is processed again when the stream is
               opened; its outputs count once.

sink       exactly-once
           file(out.ndjson) is rewindable. Its place is committed with each batch; after a crash it
           is cut back to that place, and what came behind is written again.
           It is flushed before its outputs are acknowledged.
             · a sink that fails (stops): Where it fails as a whole it is tried again for as long as
               it takes, and holds its shard back; a message whose output it refuses is tried again
               and then a dead letter.

reader     exactly-once, of what is committed; the weakest hop
           A reader sees outputs as soon as they are written, a moment before they are committed.
           All of them are committed once the stream was closed in order.
           Outputs that were not committed at a crash stay to be seen until the sink is cut back,
           when a worker takes over or the stream is opened again; then they are written anew,
           perhaps differently.
             · a worker's death (holds): Outputs that were written and not committed can be seen
               until the sink is cut back by the next worker.
             · kill -9 (holds): Outputs that were written and not committed can be seen until the
               sink is cut back at the next opening.
             · power loss (holds): Outputs that were written and not committed can be seen until the
               sink is cut back at the next opening.

whole      exactly-once through a message sent again, a handler that fails, a worker's death,
           kill -9, power loss, a sink that fails, a full ring, a full disk, a failed sync, a clock
           that jumps
`,
    )
  })

  it('exactly-once that rests on a word, inline, at process', () => {
    expect(
      guaranteeText(
        reported('exactly-once', put, {
          durability: 'process',
          workers: 0,
          acknowledge: 'processed',
        }),
      ),
    ).toBe(
      `orders: exactly-once (process, processed), copies known for 24 h; not through power loss; weakest
  hop: stored, where a power loss may take what has a receipt

a source   replayable (exactly-once): Each message is stored with its offset, and a reading goes on
           behind what every shard has.
           acknowledged (exactly-once): A message is acknowledged once it is stored; one that is
           given again is known by its id for 24 h.
           live (at-most-once): What was taken and not stored is lost with the process. What whoever
           feeds it gives twice is known by its id for 24 h.

sender     exactly-once, within the window
           send resolves with the outcome when it is committed, and with the result. push gives
           none.
           Without an answer the message may be stored or not: send it again with the same id and
           key until there is one; copies are dropped.
           Until: 24 h between two copies' being stored. A copy that is stored later is a new
           message; a shard that knows 16,777,216 ids takes no more until the oldest have left the
           window, and a copy that waits meanwhile for longer than the window is a new message.
             · a message sent again (holds): It is a duplicate, and dropped, for 24 h.
             · a clock that jumps (holds): No effect while the stream is open. Set forward while it
               is closed, the clock is believed, and ids are forgotten earlier.

stored     exactly-once; the weakest hop
           The message is a frame in the journal, a mapped file.
           The kernel has every byte of a mapped file as soon as it is stored, and writes it out
           when it likes.
           Until: its outcome is committed: the ring is not written over before that.
             ! power loss (may lose or repeat): No promise: opening refuses with file and offset, or
               gives what was sent and nothing else, which may lack receipts and acknowledgments.
             · a full disk (stops): The stream ends where it needs space (SEMEL_NO_SPACE); nothing
               stored is lost, and opened with some it goes on.

processed  exactly-once
           The message is acknowledged together with the sink's commit. Its outputs, its id and its
           outcome are one commit. Its handlers may run again; their outputs count once. What they
           do elsewhere is outside of this: give the id along as an idempotency key.
           A message that fails is parked and tried again; after 3 attempts it becomes a dead
           letter, kept with payload, error and history. Messages of one key take effect in the
           order in which they were stored: behind a parked one they wait.
             · a handler that fails (holds): The attempt has no outputs and the next one runs
               everything again; after the last the message is a dead letter, which is kept.
             · a worker's death (stops): There is no worker: what would end one ends the process,
               and a handler that never returns holds it up for ever.
             · kill -9 (holds): What was not committed is processed again when the stream is opened;
               its outputs count once.

sink       exactly-once, on your word
           put is idempotent, as it was declared. After a crash what was not committed is written
           again, which changes nothing.
           That it is idempotent is your word ({ idempotent: true }), and nothing can check it: put
           by id or name, do not append or add. An output counts as written when its call has
           returned or its promise has resolved; how durable it is then is the sink's affair.
             · kill -9 (holds): What was not committed is written again, which changes nothing, on
               your word.
             · a sink that fails (stops): Where it fails as a whole it is tried again for as long as
               it takes, and holds its shard back; a message whose output it refuses is tried again
               and then a dead letter.

reader     exactly-once, on your word
           A reader sees each effect as soon as it is made, committed or not.
           Those made again after a crash come in order, so an older value may show again until the
           newer one has followed.

whole      exactly-once through a message sent again, a handler that fails, a worker's death,
           kill -9, a sink that fails, a full ring, a full disk, a failed sync, a clock that jumps
           not through power loss
`,
    )
  })

  it('at-least-once at an interval, in batches, over four shards', () => {
    expect(
      guaranteeText(
        reported('at-least-once', store, {
          durability: { interval: 100 },
          acknowledge: 'batched',
          shards: 4,
        }),
      ),
    ).toBe(
      `orders: at-least-once (interval:100, batched); weakest hop: processed, where what was not committed
  is processed again

a source   replayable (exactly-once): Each message is stored with its offset, and a reading goes on
           behind what every shard has.
           acknowledged (at-least-once): A message is acknowledged once it is stored; one that is
           given again is a new message, without an id and a window.
           live (at-most-once): What was taken and not stored is lost with the process. What whoever
           feeds it gives twice is two messages.

sender     at-least-once
           send resolves with the outcome when the batch of its message is committed:
           1,000 messages, or 10 ms after the first. One that waits for its next attempt is parked
           in it, and ends later. push gives none.
           Without an answer the message may be stored or not: send it again until there is one.
           There is no id to tell a copy by.
             · a message sent again (may repeat): It is stored again, as a message of its own.

stored     exactly-once
           The message is a frame in the journal, a mapped file that is synced every 100 ms.
           A receipt waits for the sync that covers its message and all before it in the shard, and
           is worth what fdatasync is worth on the device.
           Until: its outcome is committed: the ring is not written over before that.
             · power loss (holds): Every receipt is honoured; what has none, of the last 100 ms or
               so, may be lost.
             · a full disk (stops): The stream ends where it needs space (SEMEL_NO_SPACE); nothing
               stored is lost, and opened with some it goes on.
             · a failed sync (stops): The stream ends (SEMEL_POISONED), and no receipt is given
               after it; opening it again recovers.

processed  at-least-once; the weakest hop
           The message is acknowledged after processing. Its handlers run until an outcome is
           committed, so effects may come again.
           A message that fails is parked and tried again; after 3 attempts it becomes a dead
           letter, kept with payload, error and history. Messages of one key take effect in the
           order in which they were stored: behind a parked one they wait.
             · a handler that fails (holds): The attempt has no outputs and the next one runs
               everything again; after the last the message is a dead letter, which is kept.
             · a worker's death (may repeat): It is replaced, also where it shows no sign of life
               for 30 s; what it had not committed is processed again. A message that always kills
               its worker is a dead letter in the end.
             · kill -9 (may repeat): What was not committed is processed again when the stream is
               opened.
             · power loss (may repeat): What was not committed is processed again when the stream is
               opened.

sink       at-least-once
           store is repeatable. After a crash what was not committed is written again.
           An output counts as written when its call has returned or its promise has resolved; how
           durable it is then is the sink's affair. It may be given a message before the sync that
           covers it.
             · a worker's death (may repeat): What was not committed is written again.
             · kill -9 (may repeat): What was not committed is written again.
             · power loss (may repeat): What was not committed is written again.
             · a sink that fails (may repeat): Where it fails as a whole it is tried again for as
               long as it takes, and holds its shard back; a message whose output it refuses is
               tried again and then a dead letter, and outputs of it that were written before come
               again.

reader     at-least-once
           A reader sees each effect as soon as it is made, committed or not.
           Nothing tells a reader which effects were made again after a crash.

whole      at-least-once through a message sent again, a handler that fails, a worker's death,
           kill -9, power loss, a sink that fails, a full ring, a full disk, a failed sync, a clock
           that jumps
`,
    )
  })

  it('at-most-once', () => {
    expect(guaranteeText(reported('at-most-once', file('out.ndjson')))).toBe(
      `orders: at-most-once (memory, stored); not through a message sent again; weakest hop: sender, which
  takes a message sent again for a new one

a source   replayable (at-most-once): Without a directory nothing keeps how far it was read: the
           next process begins anew.
           acknowledged (at-most-once): A message is acknowledged before it is processed.
           live (at-most-once): What was taken is lost with the process. What whoever feeds it gives
           twice is two messages.

sender     at-most-once, on your word; the weakest hop
           send resolves with a receipt when the message is in its shard's ring, in memory;
           receipt.outcome, when its outcome is committed. push gives none.
           Without an answer the message may have been taken or not, and nothing tells a copy from a
           new message: send each one once, whatever the answer.
             ! a message sent again (may repeat): It is stored again, as a message of its own.

stored     at-most-once
           The message is in its shard's ring, in the memory of the process.
           The memory belongs to the process and not to a worker, so it outlives a worker and not
           the process.
             · kill -9 (may lose): What waits in memory is lost.
             · power loss (may lose): What waits in memory is lost.

processed  at-most-once
           The message is acknowledged before processing. Its handlers run once or not at all.
           A message that fails is dropped and counted. Messages of one key take effect in the order
           in which they were stored.
             · a handler that fails (may lose): The message is dropped and counted.
             · a worker's death (may lose): It is replaced, also where it shows no sign of life for
               30 s; what it had taken, up to 4,096 messages of a shard, is dropped and counted.

sink       at-most-once
           file(out.ndjson) is rewindable. Outputs are written once, and never again after a crash.
           It is never flushed: what it has written survives the process, and not a power loss.
             · power loss (may lose): What it had written and the system had not may be lost.
             · a sink that fails (may lose): Where it fails as a whole it is tried again for as long
               as it takes, and holds its shard back; a message whose output it refuses is dropped
               and counted.

reader     at-most-once
           A reader sees outputs as soon as they are written.
           What a dead worker had written and not committed is cut off again, and dropped.
             · a worker's death (holds): Outputs that were written and not committed can be seen
               until the sink is cut back by the next worker.

whole      at-most-once through a handler that fails, a worker's death, kill -9, power loss, a sink
           that fails, a full ring, a full disk, a failed sync, a clock that jumps
           not through a message sent again
`,
    )
  })
})
