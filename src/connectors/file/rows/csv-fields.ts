import { importPeer } from '../../../core/peer.js'

/** What is used of the package `csv-parse`: its module `csv-parse/sync`. */
export interface CsvParse {
  parse(
    record: string,
    options: { delimiter: string; record_delimiter: string; relax_column_count: true },
  ): string[][]
}

/**
 * The package `csv-parse`, an optional peer.
 * @throws SemelError `SEMEL_MISSING_PEER` where it is not installed
 */
export async function loadCsvParse(specifier = 'csv-parse/sync'): Promise<CsvParse> {
  return (await importPeer(specifier, 'reading CSV', 'csv-parse')) as CsvParse
}

/** The fields of a record that has quotes in it, or what is wrong with its quotes. */
export function quotedFields(csv: CsvParse, record: string, delimiter: string): string[] | string {
  try {
    const records = csv.parse(record, {
      delimiter,
      record_delimiter: '\n',
      relax_column_count: true,
    })
    const [fields] = records
    return fields === undefined || records.length > 1 ? 'its quotes hold no one record' : fields
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string }
    if (code === 'CSV_INVALID_CLOSING_QUOTE')
      return 'a quoted field goes on behind its closing quote'
    if (code === 'INVALID_OPENING_QUOTE') return 'a quote stands inside a field that is not quoted'
    return message
  }
}
