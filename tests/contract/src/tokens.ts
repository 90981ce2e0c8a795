// Our tokens hold for another implementation, and what it forges does not hold for us.
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import * as jose from "jose";
import { credentials, url } from "./settings.js";

const answer = await fetch(`${url}/v1/auth/login`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(credentials),
});
assert.equal(answer.status, 200);
const { access_token: token } = (await answer.json()) as { access_token: string };

const keys = jose.createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`));
const { payload, protectedHeader } = await jose.jwtVerify(token, keys, { algorithms: ["RS256"] });
assert.equal(protectedHeader.alg, "RS256");
assert.ok(protectedHeader.kid);
for (const claim of ["iss", "aud", "sub", "iat", "exp", "jti"]) assert.ok(payload[claim], `no ${claim}`);
assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 600);

const jwks = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: jose.JWK[] };
for (const key of jwks.keys) {
  for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k"]) assert.ok(!(secret in key), `the JWKS tells ${secret}`);
}
const jwk = jwks.keys.find((key) => key.kid === protectedHeader.kid);
assert.ok(jwk);
const known = await jose.importJWK(jwk, "RS256");
assert.ok(!(known instanceof Uint8Array));
const pem = await jose.exportSPKI(known as jose.KeyLike);

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const [header64 = "", payload64 = "", signature64 = ""] = token.split(".");
const header = { ...protectedHeader };
const mac = (head: object, secret: string | Buffer) => {
  const signed = `${encode(head)}.${payload64}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};
const { privateKey, publicKey } = await jose.generateKeyPair("RS256");
const foreign = (head: jose.JWTHeaderParameters) => new jose.SignJWT(payload).setProtectedHeader(head).sign(privateKey);
const foreignJwk = await jose.exportJWK(publicKey);
const flipped = Buffer.from(signature64, "base64url");
flipped[10] = (flipped[10] ?? 0) ^ 1;

const forged: Record<string, string> = {
  "HS256 with the public key as PEM": mac({ ...header, alg: "HS256" }, pem),
  "HS256 with the trimmed PEM": mac({ ...header, alg: "HS256" }, pem.trim()),
  "HS256 with the modulus": mac({ ...header, alg: "HS256" }, Buffer.from(jwk.n ?? "", "base64url")),
  "HS256 with an empty key": mac({ ...header, alg: "HS256" }, ""),
  "HS256 without kid": mac({ alg: "HS256", typ: "JWT" }, pem),
  "alg none": `${encode({ ...header, alg: "none" })}.${payload64}.`,
  "alg None": `${encode({ ...header, alg: "None" })}.${payload64}.`,
  "alg none with the old signature": `${encode({ ...header, alg: "none" })}.${payload64}.${signature64}`,
  "no alg": `${encode({ kid: header.kid, typ: "JWT" })}.${payload64}.${signature64}`,
  "altered payload": `${header64}.${encode({ ...payload, sub: randomUUID() })}.${signature64}`,
  "altered role": `${header64}.${encode({ ...payload, role: "admin", extra: 1 })}.${signature64}`,
  "flipped signature": `${header64}.${payload64}.${flipped.toString("base64url")}`,
  "no signature": `${header64}.${payload64}.`,
  "cut signature": `${header64}.${payload64}.${signature64.slice(0, -4)}`,
  "padded signature": `${token}==`,
  "a fourth part": `${token}.${signature64}`,
  "two parts": `${header64}.${payload64}`,
  "unknown kid": await foreign({ ...header, alg: "RS256", kid: "unknown" }),
  "our kid, another key": await foreign({ ...header, alg: "RS256" }),
  "no kid": await foreign({ alg: "RS256", typ: "JWT" }),
  "its own key in the header": await foreign({ alg: "RS256", kid: "mine", jwk: foreignJwk as never }),
  "a key address": await foreign({ ...header, alg: "RS256", jku: `${url}/.well-known/jwks.json` }),
  "a critical extension": `${encode({ ...header, crit: ["exp"] })}.${payload64}.${signature64}`,
  "kid as a path": await foreign({ ...header, alg: "RS256", kid: "../../../../dev/null" }),
  "PS256 label": `${encode({ ...header, alg: "PS256" })}.${payload64}.${signature64}`,
};

const status = async (value: string): Promise<number> => {
  const reply = await fetch(`${url}/v1/me`, { headers: { Authorization: `Bearer ${value}` } });
  await reply.arrayBuffer();
  return reply.status;
};

assert.equal(await status(token), 200);
for (const [name, value] of Object.entries(forged)) {
  assert.equal(await status(value), 401, `${name} was not refused`);
}
assert.equal(await status(token), 200, "the true one still holds");
console.log(`tokens: ok, ${Object.keys(forged).length} forged ones refused`);
