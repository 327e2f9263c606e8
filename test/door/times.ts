import type { Random } from '../faults/random.js'
import type { Atom } from './case.js'

/** What `time` may answer, and what becomes of a message then; its window is an hour. */
const answers = {
  now: { end: 'in time', codes: ['Date.now()', 'new Date()', 'Date.now() - 1_800_000', '8.64e15'] },
  old: { end: 'late', codes: ['Date.now() - 7_200_000', '0', '-1', 'new Date(0)'] },
  'no time': {
    end: 'fails',
    codes: [
      'NaN',
      'undefined',
      "'2026-01-01'",
      '1n',
      'new Date(NaN)',
      'Promise.resolve(1)',
      "Promise.reject(new Error('no time'))",
      "raise(new Error('no time'))",
      'raise(null)',
    ],
  },
} as const
type Kind = keyof typeof answers

export function drawTime(random: Random): Atom {
  const kind = random.oneOf<Kind>(['now', 'now', 'now', 'old', 'no time'])
  return { kind, code: random.oneOf(answers[kind].codes) }
}

export function endByTime({ kind }: Atom): (typeof answers)[Kind]['end'] {
  return answers[kind as Kind].end
}
