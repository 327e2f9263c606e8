import { subjectAt, subjectOf } from './subject.js'

/** The pipeline that the query of this module's URL names: what workers import. */
export default await subjectOf(subjectAt(new URL(import.meta.url)))
