// A relying party on npm `openid-client`, unpatched: registers itself, signs a person in, reads userinfo, refreshes.
// Prints the address to open; reads the address that the browser came back to; prints what it learned, or the error.
import * as client from 'openid-client'
import { createInterface } from 'node:readline/promises'

const { issuer, initialAccessToken, metadata, authentication, ownKey } = JSON.parse(process.argv[2])
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const tell = (told) => console.log(JSON.stringify(told))

try {
  // With a key of its own it proves itself by assertions, and signs its requests.
  const key = ownKey && await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  if (key) metadata.jwks = { keys: [{ ...await crypto.subtle.exportKey('jwk', key.publicKey), key_ops: undefined, kid: 'own' }] }
  const signing = key ? { key: key.privateKey, kid: 'own' } : undefined
  const config = await client.dynamicClientRegistration(
    new URL(issuer), metadata, client[authentication]?.(signing),
    { initialAccessToken, execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }
  )
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const redirectUri = metadata.redirect_uris[0]
  const asked = {
    redirect_uri: redirectUri, scope: 'openid profile email offline_access', state, nonce, prompt: 'consent',
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256'
  }
  const address = key
    ? await client.buildAuthorizationUrlWithJAR(config, asked, signing)
    : client.buildAuthorizationUrl(config, asked)
  tell({ open: address.href })
  const { value: cameBackTo } = await lines.next()
  const tokens = await client.authorizationCodeGrant(config, new URL(cameBackTo), {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true
  })
  const claims = tokens.claims()
  const person = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  const goodbye = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: metadata.post_logout_redirect_uris[0], state: 'bye'
  }).href
  await client.tokenRevocation(config, refreshed.refresh_token)
  const late = await client.refreshTokenGrant(config, refreshed.refresh_token).catch((error) => error.error)
  tell({ client: config.clientMetadata(), claims, person, refreshed: refreshed.claims(), goodbye, late })
} catch (error) {
  tell({ error: error.error ?? error.code ?? String(error), cause: String(error.cause?.message ?? error.message) })
}
process.exit()
