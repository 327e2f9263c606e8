// Alerts out of the readings of many sensors. A row that can't be read, or can't be right, ends as a
// dead letter; a crash may repeat an alert and loses none.
//
//   npx semel run build/js/examples/telemetry/telemetry.pipeline.js --dir data --source speed_6005.csv
import { file, pipeline } from 'semel'
import { alertsOf, toReading, type Row } from './reading.js'
import { sensorFiles } from './sensor-files.js'

export default pipeline('telemetry')
  .accepts<Row>()
  .deliver('at-least-once')
  .keyBy((row) => row.sensor)
  .map(toReading)
  .flatMap(alertsOf)
  .retry({ attempts: 1 }) // a wrong row does not become right
  .to(file(process.env['SEMEL_TELEMETRY_OUT'] ?? './alerts.ndjson'))

export const source = sensorFiles
