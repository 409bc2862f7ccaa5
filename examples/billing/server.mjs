// Billing charges people. It checks tokens with jose, and gets a token of its own to call stock.
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, STOCK_URL, PORT } = process.env
const AUDIENCE = 'https://billing.example'

const metadata = await (await fetch(`${ISSUER}/.well-known/oauth-authorization-server`)).json()
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri))

async function verified(request) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !token) return null
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: ISSUER, audience: AUDIENCE, typ: 'at+jwt', algorithms: ['ES256'],
    })
    return payload
  } catch (error) {
    console.error(`refused: ${error.code}`)
    return null
  }
}

async function ownToken() {
  const answer = await fetch(metadata.token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${CLIENT_ID}:${CLIENT_SECRET}`)}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials', resource: 'https://stock.example', scope: 'stock:reserve',
    }),
  })
  if (!answer.ok) throw new Error(`no token for stock: ${answer.status} ${await answer.text()}`)
  return (await answer.json()).access_token
}

async function charge(request) {
  const token = await verified(request)
  if (token === null) return [401, { error: 'a token for billing is needed' }]
  if (!(token.scope ?? '').split(' ').includes('billing:read')) return [403, { error: 'the token lacks billing:read' }]
  const reserved = await fetch(`${STOCK_URL}/reservations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await ownToken()}` },
  })
  if (!reserved.ok) return [502, { error: `stock answered ${reserved.status}` }]
  return [200, { service: 'billing', did: 'billed', token, next: await reserved.json() }]
}

createServer(async (request, response) => {
  let answer = [404, { error: 'POST /charges is all there is' }]
  if (request.method === 'POST' && request.url === '/charges') {
    answer = await charge(request).catch((error) => [502, { error: error.message }])
  }
  const [status, body] = answer
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}).listen(Number(PORT), '127.0.0.1')
