/** What the suites use of a test runner: those of vitest and jest are such. */
export interface Runner {
  describe(name: string, define: () => void): unknown
  readonly test: {
    (name: string, run: () => unknown, timeoutMs?: number): unknown
    skip(name: string, run: () => unknown): unknown
  }
  beforeEach(run: () => unknown): unknown
  afterEach(run: () => unknown): unknown
  expect(actual: unknown): Expectation
}

/** The comparisons that they make. */
export interface Expectation {
  readonly not: Pick<Expectation, 'toBe'>
  readonly rejects: { toMatchObject(expected: object): Promise<unknown> }
  toBe(expected: unknown): unknown
  toEqual(expected: unknown): unknown
  toMatchObject(expected: object): unknown
  toHaveLength(length: number): unknown
  toHaveProperty(name: string): unknown
  toBeInstanceOf(expected: unknown): unknown
  toBeGreaterThan(least: number | bigint): unknown
  toBeGreaterThanOrEqual(least: number | bigint): unknown
  toBeLessThanOrEqual(most: number | bigint): unknown
  toMatch(pattern: RegExp): unknown
}

/** Why something can't be put to one of the tests. */
export interface Skip {
  readonly skip: string
}

/** A test, or why it is none. */
export function testUnless(
  { test }: Runner,
  needs: unknown,
  name: string,
  run: () => unknown,
): void {
  if (isSkip(needs)) test.skip(`${name} (${needs.skip})`, run)
  else test(name, run)
}

function isSkip(needs: unknown): needs is Skip {
  return typeof needs === 'object' && needs !== null && 'skip' in needs
}
