/** Runs jobs side by side, so many at a time; a job is drawn only when a lane is free for it. */
export async function inLanes<T>(
  lanes: number,
  jobs: Iterable<T>,
  run: (job: T) => Promise<void>,
): Promise<void> {
  const drawn = jobs[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let next = drawn.next(); next.done !== true; next = drawn.next()) await run(next.value)
    }),
  )
}
