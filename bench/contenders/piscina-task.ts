/** @internal What piscina.ts runs for each message. */
export { handle as default } from './tally.js'
