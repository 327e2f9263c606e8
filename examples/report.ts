/** Prints what was reached, and what is wrong with it: the process fails if anything is. */
export function report(
  title: string,
  rows: readonly (readonly [label: string, text: string | number])[],
  wrong: readonly string[],
): void {
  console.log(title)
  for (const [label, text] of rows) {
    console.log(
      `  ${label.padEnd(18)}${typeof text === 'number' ? text.toLocaleString('en') : text}`,
    )
  }
  for (const what of wrong) console.error(`WRONG: ${what}`)
  if (wrong.length > 0) process.exitCode = 1
}

/** `12,034 in 2.01 s: 5,987 a second` */
export function rateText(count: number, seconds: number): string {
  const perSecond = Math.round(count / seconds).toLocaleString('en')
  return `${count.toLocaleString('en')} in ${seconds.toFixed(2)} s: ${perSecond} a second`
}
