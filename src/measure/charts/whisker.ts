/** What ECharts gives a custom series to draw with. */
interface DrawingApi {
  value(dimension: number): number
  coord(point: readonly [number, number]): [number, number]
}

/** Which bar of its category: `index` of `count` series. */
export interface Bar {
  readonly index: number
  readonly count: number
}

/**
 * Draws the least and the greatest of some runs as a whisker over their bar: data are [category, min,
 * max]. It is written into pages as text, and so uses nothing from outside of itself.
 */
export function whisker(
  { index, count }: Bar,
  parameters: { coordSys: { height: number } },
  api: DrawingApi,
  categories: number,
): object {
  const [left, middle] = api.coord([api.value(1), api.value(0)])
  const [right] = api.coord([api.value(2), api.value(0)])
  const band = parameters.coordSys.height / categories
  // As bars are laid out: a fifth of the band is free, and nothing lies between bars.
  const y = middle + ((index + 0.5) / count - 0.5) * band * 0.8
  const lines = [
    [left, y, right, y],
    [left, y - 3, left, y + 3],
    [right, y - 3, right, y + 3],
  ]
  return {
    type: 'group',
    children: lines.map(([x1, y1, x2, y2]) => ({
      type: 'line',
      shape: { x1, y1, x2, y2 },
      style: { stroke: '#333', lineWidth: 1 },
    })),
  }
}
