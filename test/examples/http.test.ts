import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Order, Placed } from '../../examples/http/order.js'
import { readLines } from '../../examples/read-lines.js'
import { HttpService } from './http-service.js'
import { scratch } from './main.js'

const cup = (id: string): Order => ({ id, customer: 'a', article: 'cup', pieces: 2 })

/** Sends an order until it is acknowledged, as a client does that has no answer. */
async function sendUntilAnswered(
  service: HttpService,
  order: Order,
  wait: string,
): Promise<number> {
  for (;;) {
    try {
      const { status } = await service.send(order, wait)
      if (status < 500) return status
    } catch {
      // It was killed: nobody knows what has become of the order.
    }
    await sleep(20)
  }
}

describe('the HTTP service', () => {
  test('loses and repeats no acknowledged order when it is killed again and again', async () => {
    await using service = new HttpService(scratch())
    await service.start()
    const customers = 8
    const each = 20
    const acknowledged: Order[] = []

    const client = async (customer: number): Promise<void> => {
      for (let number = 0; number < each; number++) {
        const order = { ...cup(`${customer}-${number}`), customer: `c${customer}` }
        const wait = number % 3 === 0 ? '?wait=processed' : ''
        expect(await sendUntilAnswered(service, order, wait)).toBe(wait === '' ? 202 : 200)
        acknowledged.push(order)
        // A client that has lost the answer sends it once more.
        if (number % 5 === 0) expect(await sendUntilAnswered(service, order, '')).toBe(202)
      }
    }
    const clients = Promise.all(Array.from({ length: customers }, (_, at) => client(at)))

    for (const kill of [1, 2, 3]) {
      while (acknowledged.length < kill * 40) await sleep(1)
      expect(await service.end('SIGKILL')).toBe('SIGKILL')
      await service.start()
    }
    await clients
    expect(await service.end('SIGTERM')).toBe(0)

    const placed = readLines<Placed>(service.outputs, 1)
    expect(placed.map(({ id }) => id).toSorted()).toEqual(
      Array.from(
        { length: customers * each },
        (_, at) => `${at % customers}-${Math.floor(at / customers)}`,
      ).toSorted(),
    )
    for (let customer = 0; customer < customers; customer++) {
      const own = placed.filter((order) => order.customer === `c${customer}`)
      expect(own.map(({ id }) => id)).toEqual(
        Array.from({ length: each }, (_, number) => `${customer}-${number}`),
      )
      expect(own.every(({ cents }) => cents === 2500)).toBe(true)
    }
  }, 60_000)

  test('answers when an order is stored, or with what became of it', async () => {
    await using service = new HttpService(scratch())
    await service.start()
    const stored = await service.send(cup('1'))
    expect([stored.status, await stored.json()]).toEqual([202, { id: '1', shard: 0, sequence: 1 }])
    const processed = await service.send(cup('2'), '?wait=processed')
    expect([processed.status, await processed.json()]).toEqual([
      200,
      { outcome: 'processed', order: { ...cup('2'), cents: 2500 } },
    ])
    const again = await service.send(cup('2'), '?wait=processed')
    expect([again.status, await again.json()]).toEqual([200, { outcome: 'duplicate', id: '2' }])
    const unknown = await service.send({ ...cup('3'), article: 'sofa' }, '?wait=processed')
    expect([unknown.status, await unknown.json()]).toEqual([
      422,
      { outcome: 'dead-lettered', id: '3', error: 'Error: there is no article "sofa"' },
    ])
    const health = await service.fetch('/health')
    expect([health.status, await health.json()]).toMatchObject([
      200,
      { stored: 4, processed: 2, duplicate: 1, deadLettered: 1 },
    ])
  })

  test('refuses what is no order, and goes on', async () => {
    await using service = new HttpService(scratch())
    await service.start()
    const post = (body: string) => service.fetch('/orders', { method: 'POST', body })
    expect((await post('{')).status).toBe(400)
    expect((await post('null')).status).toBe(400)
    const unnamed = await service.send({ customer: 'a', article: 'cup', pieces: 1 })
    expect([unnamed.status, await unnamed.json()]).toEqual([
      400,
      { error: 'id: give 1 to 64 letters, digits or hyphens' },
    ])
    expect((await post(JSON.stringify({ text: 'x'.repeat(20_000) }))).status).toBe(413)
    expect((await service.fetch('/orders')).status).toBe(405)
    expect((await service.fetch('/')).status).toBe(404)
    expect((await service.send(cup('1'))).status).toBe(202)
  })

  test('tells clients to come later where too many wait, and takes the same orders then', async () => {
    await using service = new HttpService(scratch(), { inFlight: 2, stockMs: 100 })
    await service.start()
    const orders = Array.from({ length: 6 }, (_, at) => cup(String(at)))
    const answers = await Promise.all(orders.map((order) => service.send(order, '?wait=processed')))
    const refused = answers.filter(({ status }) => status === 503)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(6 - refused.length)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.map(({ headers }) => headers.get('retry-after'))).toEqual(refused.map(() => '1'))
    for (const order of orders) {
      expect(await sendUntilAnswered(service, order, '?wait=processed')).toBe(200)
    }
    const ids = readLines<Placed>(service.outputs, 1).map(({ id }) => id)
    expect(ids.toSorted()).toEqual(orders.map(({ id }) => id))
  })

  test('calls an order unknown that has no answer in time, and knows it when it comes again', async () => {
    await using service = new HttpService(scratch(), { stockMs: 3000 })
    await service.start()
    const late = await service.send(cup('1'), '?wait=processed')
    expect([late.status, late.headers.get('retry-after')]).toEqual([504, '1'])
    const again = await service.send(cup('1'), '?wait=processed')
    expect([again.status, await again.json()]).toEqual([200, { outcome: 'duplicate', id: '1' }])
    expect(readLines<Placed>(service.outputs, 1)).toEqual([{ ...cup('1'), cents: 2500 }])
  })

  test('answers the orders that it has when it is told to end', async () => {
    await using service = new HttpService(scratch(), { stockMs: 300 })
    await service.start()
    const answer = service.send(cup('1'), '?wait=processed')
    await sleep(100)
    expect(await service.end('SIGTERM')).toBe(0)
    expect((await answer).status).toBe(200)
    expect(readLines<Placed>(service.outputs, 1)).toEqual([{ ...cup('1'), cents: 2500 }])
    await expect(service.send(cup('2'))).rejects.toThrow()
  })
})
