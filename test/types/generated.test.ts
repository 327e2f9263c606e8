import { expect, it } from 'vitest'
import { combinationsTest } from './combinations.js'

it('holds every combination, accepted or refused: npx vitest run test/types/generated.test.ts -u', async () => {
  await expect(combinationsTest()).toMatchFileSnapshot('./combinations.test.ts')
})
