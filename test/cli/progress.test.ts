import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Progress, progressLine, type ProgressState } from '../../src/cli/run/progress.js'
import { paintFor } from '../../src/cli/terminal.js'

const state: ProgressState = {
  ended: 1_234_567,
  parked: 3,
  deadLettered: 1,
  offset: 439,
  size: 1000,
}

class FakeTerminal {
  readonly written: string[] = []
  readonly columns = 100

  constructor(readonly isTTY: boolean) {}

  write(text: string): void {
    this.written.push(text)
  }

  /** The lines as they stand on the screen. */
  get screen(): string {
    const lines = this.written.join('').split('\n')
    return lines
      .map((line) => stripVTControlCharacters(line.split('\r\u001b[2K').at(-1) ?? ''))
      .join('\n')
  }
}

describe('the progress line', () => {
  it('shows the rate, the share of the file, what is parked and dead', () => {
    expect(progressLine(state, 812_345.4, 80)).toBe(
      '812,345 messages/s  43 %  parked 3  dead letters 1  1,234,567 done',
    )
  })

  it('shows no share of what has no end', () => {
    expect(progressLine({ ...state, offset: 5, size: 0 }, 0, 80)).toBe(
      '0 messages/s  parked 3  dead letters 1  1,234,567 done',
    )
  })

  it('never exceeds 100 %, also where a file has grown', () => {
    expect(progressLine({ ...state, offset: 2000 }, 0, 80)).toContain(' 100 % ')
  })

  it('leaves out what does not fit, and the last column free', () => {
    const whole = progressLine(state, 812_345, 200)
    expect(progressLine(state, 812_345, whole.length + 1)).toBe(whole)
    expect(progressLine(state, 812_345, whole.length)).toBe(
      '812,345 messages/s  43 %  parked 3  dead letters 1',
    )
    for (let columns = 1; columns < 100; columns++) {
      expect(progressLine(state, 812_345, columns).length).toBeLessThan(columns)
    }
  })
})

describe('a run on a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('draws ten times a second at most, however often it is asked', () => {
    const terminal = new FakeTerminal(true)
    let reads = 0
    const progress = new Progress(terminal, () => {
      reads++
      return state
    })
    for (let ms = 0; ms < 999; ms++) {
      progress.draw()
      vi.advanceTimersByTime(1)
    }
    progress.stop()
    expect(reads).toBe(10)
    expect(terminal.written.length).toBe(11)
  })

  it('shows the rate of the last second', () => {
    const terminal = new FakeTerminal(true)
    let ended = 0
    const progress = new Progress(terminal, () => ({ ...state, ended }))
    for (let ms = 0; ms < 5000; ms += 100) {
      ended += ms < 3000 ? 100 : 500
      vi.advanceTimersByTime(100)
    }
    expect(terminal.screen).toMatch(/^5,000 messages\/s /)
    vi.advanceTimersByTime(1100)
    expect(terminal.screen).toMatch(/^0 messages\/s /)
    progress.stop()
  })

  it('is wiped out at the end, and not drawn again', () => {
    const terminal = new FakeTerminal(true)
    const progress = new Progress(terminal, () => state)
    vi.advanceTimersByTime(500)
    expect(terminal.screen).not.toBe('')
    progress.stop()
    progress.draw()
    vi.advanceTimersByTime(500)
    expect(terminal.screen).toBe('')
  })

  it('has other lines above it', () => {
    const terminal = new FakeTerminal(true)
    const progress = new Progress(terminal, () => state)
    vi.advanceTimersByTime(100)
    progress.say('semel: worker 1 died')
    vi.advanceTimersByTime(100)
    expect(terminal.screen).toMatch(/^semel: worker 1 died\n0 messages\/s {2}43 %/)
    progress.stop()
  })

  it('is nothing but those lines where there is no terminal', () => {
    const terminal = new FakeTerminal(false)
    const progress = new Progress(terminal, () => state)
    progress.draw()
    vi.advanceTimersByTime(1000)
    progress.say('semel: worker 1 died')
    progress.stop()
    expect(terminal.written).toEqual(['semel: worker 1 died\n'])
  })
})

describe('colours', () => {
  const terminal = new FakeTerminal(true)

  it('are for terminals', () => {
    expect(paintFor(terminal, {})('red', 'x')).toBe('\u001b[31mx\u001b[39m')
    expect(paintFor(terminal, { NO_COLOR: '' })('red', 'x')).not.toBe('x')
  })

  it.each<[boolean, Record<string, string>]>([
    [false, {}],
    [true, { NO_COLOR: '1' }],
    [true, { TERM: 'dumb' }],
  ])('are left away where isTTY is %s and the environment %j', (isTTY, environment) => {
    expect(paintFor(new FakeTerminal(isTTY), environment)('red', 'x')).toBe('x')
  })
})
