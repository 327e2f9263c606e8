/** Where something was allocated, and how many bytes. */
export interface Place {
  /** The function, with its file and line. */
  readonly name: string
  readonly bytes: number
}

/** How V8's sampling heap profiler tells it: each call with what it has allocated by itself. */
export interface ProfileNode {
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
  }
  readonly selfSize: number
  readonly children: readonly ProfileNode[]
}

/** Functions with what they have allocated, wherever they were called from; the greatest first. */
export function placesOf(head: ProfileNode): Place[] {
  const bytes = new Map<string, number>()
  const add = ({ callFrame, selfSize, children }: ProfileNode): void => {
    if (selfSize > 0) {
      const name = nameOf(callFrame)
      bytes.set(name, (bytes.get(name) ?? 0) + selfSize)
    }
    for (const child of children) add(child)
  }
  add(head)
  return Array.from(bytes, ([name, sum]) => ({ name, bytes: sum })).toSorted(
    (a, b) => b.bytes - a.bytes,
  )
}

/** V8 counts lines from 0. */
function nameOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  const file = url.split('?')[0]?.split('/').slice(-2).join('/') ?? ''
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`
}
