import type { Chart } from 'semel/measure'
import type { State } from './state.js'

/** Memory over messages, and below it the rate. */
export function chartOf(states: readonly State[]): Chart {
  const line = (name: string, below: 0 | 1, of: (state: State) => number | undefined): object => ({
    type: 'line',
    name,
    xAxisIndex: below,
    yAxisIndex: below,
    showSymbol: false,
    data: states.flatMap((state) => {
      const value = of(state)
      return value === undefined ? [] : [[state.messages, value]]
    }),
  })
  const xAxis = {
    type: 'value',
    max: states.at(-1)?.messages,
    axisLabel: { formatter: millions },
  }
  return {
    name: 'long-run',
    title:
      'a long run, raw messages of 64 bytes, exactly-once at process: memory and rate by messages',
    heightPx: 520,
    option: {
      legend: { bottom: 24 },
      grid: [
        { left: 64, right: 40, top: 60, height: 220 },
        { left: 64, right: 40, top: 340, height: 90 },
      ],
      xAxis: [
        { ...xAxis, gridIndex: 0 },
        { ...xAxis, gridIndex: 1 },
      ],
      yAxis: [
        { type: 'value', name: 'MiB', gridIndex: 0, min: 0 },
        { type: 'value', name: 'M messages/s', gridIndex: 1, min: 0, splitNumber: 3 },
      ],
      series: [
        line('resident', 0, ({ resident }) => resident / 2 ** 20),
        line('anonymous', 0, ({ anonymous }) =>
          anonymous === undefined ? undefined : anonymous / 2 ** 20,
        ),
        line('dedup index', 0, ({ index }) => index / 2 ** 20),
        line("heap of the sender's thread", 0, ({ heapUsed }) => heapUsed / 2 ** 20),
        line('messages a second', 1, ({ messagesPerSecond }) => messagesPerSecond / 1e6),
      ] as Chart['option']['series'],
    },
  }
}

function millions(value: number): string {
  return `${Number((value / 1e6).toPrecision(3))} M`
}
