// The peer: npm oidc-provider, one process, its own in-memory adapter, client_credentials -> ES256 at+jwt.
// node server.mjs '{"port":…,"issuer":…,"clientId":…,"clientSecret":…,"audience":…,"scopes":[…],"assertionKey":{…}}'
// With `redirectUri` its client sends browsers, which sign in at the development pages.
// With `assertionKey`, a public JWK, the client authenticates by private_key_jwt.
import { generateKeyPairSync } from 'node:crypto';

import Provider, { errors } from 'oidc-provider';

const options = JSON.parse(process.argv[2]);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signingKey = { ...privateKey.export({ format: 'jwk' }), kid: 'bench', use: 'sig', alg: 'ES256' };

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const rsaKey = { ...rsa.export({ format: 'jwk' }), kid: 'bench-rsa', use: 'sig', alg: 'RS256' };

const provider = new Provider(options.issuer, {
  clients: [
    {
      client_id: options.clientId,
      ...(options.redirectUri
        ? { grant_types: ['authorization_code'], response_types: ['code'], redirect_uris: [options.redirectUri] }
        : { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }),
      ...(options.assertionKey
        ? {
            token_endpoint_auth_method: 'private_key_jwt',
            token_endpoint_auth_signing_alg: 'ES256',
            jwks: { keys: [options.assertionKey] },
          }
        : { token_endpoint_auth_method: 'client_secret_basic', client_secret: options.clientSecret }),
      id_token_signed_response_alg: options.redirectUri ? 'RS256' : 'ES256',
    },
  ],
  jwks: { keys: [signingKey, rsaKey] },
  pkce: { required: () => true },
  cookies: { keys: ['bench'] },
  scopes: ['openid', ...options.scopes],
  ttl: { ClientCredentials: 900 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: Boolean(options.redirectUri) },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => options.audience,
      useGrantedResource: () => true,
      getResourceServerInfo(_ctx, resource) {
        if (resource !== options.audience) throw new errors.InvalidTarget();
        return {
          scope: options.scopes.join(' '),
          audience: options.audience,
          accessTokenTTL: 900,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
  },
});

const server = provider.listen(options.port, '127.0.0.1');
server.keepAliveTimeout = 60_000;
