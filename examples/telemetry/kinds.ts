/** What a kind of sensor measures, and when to raise an alert. */
export interface Kind {
  readonly name: string
  /** Fits the names of its sensors. */
  readonly sensors: RegExp
  readonly unit: string
  /** From what the sensor reports to the unit. */
  readonly convert: (value: number) => number
  /** No reading is below 0; one above this can't be right either, in the unit. */
  readonly max?: number
  /** A reading beyond these is an alert, in the unit. */
  readonly low?: number
  readonly high?: number
}

const asReported = (value: number): number => value
const megabytes = (bytes: number): number => bytes / 1e6

const kinds: readonly Kind[] = [
  { name: 'cpu', sensors: /cpu_utilization/, unit: '%', convert: asReported, max: 100, high: 95 },
  { name: 'disk write', sensors: /disk_write/, unit: 'MB', convert: megabytes, high: 400 },
  { name: 'network in', sensors: /network_?in/i, unit: 'MB', convert: megabytes, high: 50 },
  { name: 'requests', sensors: /request_count/, unit: 'requests', convert: asReported, high: 400 },
  { name: 'group', sensors: /_asg_/, unit: 'instances', convert: asReported, low: 10 },
  { name: 'click price', sensors: /_cpc_/, unit: '$', convert: asReported, high: 1 },
  { name: 'view price', sensors: /_cpm_/, unit: '$/1000', convert: asReported, high: 5 },
  { name: 'travel time', sensors: /^TravelTime/, unit: 'min', convert: (s) => s / 60, high: 60 },
  {
    name: 'occupancy',
    sensors: /^occupancy/,
    unit: '%',
    convert: asReported,
    max: 100,
    high: 25,
  },
  { name: 'speed', sensors: /^speed/, unit: 'km/h', convert: (mph) => mph * 1.609344, low: 30 },
]

/** @throws Error where no kind fits */
export function kindOf(sensor: string): Kind {
  const kind = kinds.find(({ sensors }) => sensors.test(sensor))
  if (kind === undefined) throw new Error(`nobody knows what the sensor ${sensor} measures`)
  return kind
}
