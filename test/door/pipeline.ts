import { openSync, readFileSync } from 'node:fs'
import { Parameters } from '../fixtures/parameters.js'
import type { Case } from './case.js'
import { definitionOf } from './definition.js'
import { Kept } from './kept.js'
import { observeInto } from './observations.js'

// case  the file of the case, as JSON
// log   the file that observations go to
const given = new Parameters(import.meta.url)
const drawn = JSON.parse(readFileSync(given.text('case'), 'utf8')) as Case

const observe = observeInto(openSync(given.text('log'), 'a'))

export default definitionOf(drawn, observe, new Kept(observe))
