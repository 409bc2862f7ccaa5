// Reads JSON cases on stdin, verifies each token with npm `jose`, prints one verdict for each: null, or the error's code.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { text } from 'node:stream/consumers'

const cases = JSON.parse(await text(process.stdin))
const keySets = new Map()
const verdicts = []
for (const { token, jwksUri, issuer, audience, typ, algorithm } of cases) {
  if (!keySets.has(jwksUri)) keySets.set(jwksUri, createRemoteJWKSet(new URL(jwksUri)))
  try {
    await jwtVerify(token, keySets.get(jwksUri), { issuer, audience, typ, algorithms: [algorithm] })
    verdicts.push(null)
  } catch (error) {
    verdicts.push(error.code ?? String(error))
  }
}
console.log(JSON.stringify(verdicts))
