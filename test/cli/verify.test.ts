import { describe, expect, it } from 'vitest'
import { Damaged } from './damage-verbs.js'

const journal = 'data/shard-0/journal'

describe('semel verify', () => {
  it('prints', async () => {
    const directory = new Damaged()
    await directory.killedInFlight()
    console.log(await directory.semel('verify', 'data'))
    console.log(directory.frame(journal, 45))
    directory.flip(journal, directory.frame(journal, 45) + 30)
    directory.flip(journal, directory.frame(journal, 50) + 30)
    console.log((await directory.semel('verify', 'data')).stdout)
    console.log((await directory.semel('verify', 'data', '--json')).stdout)
    console.log((await directory.semel('repair', 'data')))
    console.log((await directory.semel('repair', 'data', '--yes')).stdout)
    console.log((await directory.semel('verify', 'data')).stdout)
    await directory.runOn()
    console.log(directory.outputs.length, (await directory.semel('inspect', 'data')).stdout)
  })
})
