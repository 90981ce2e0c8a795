// A client made from openapi.yaml alone: what it compiles against is what it meets.
import assert from "node:assert/strict";
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "../generated/openapi.js";
import { credentials, url } from "./settings.js";

type Account = components["schemas"]["Account"];

const client = createClient<paths>({ baseUrl: url });

const login = await client.POST("/v1/auth/login", { body: credentials });
assert.equal(login.response.status, 200);
assert.ok(login.data);
const token: string = login.data.access_token;
const bearer: Middleware = {
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
};
client.use(bearer);

const name = `Contract ${Date.now()} 客户`;
const created = await client.POST("/v1/accounts", { body: { name } });
assert.equal(created.response.status, 201, JSON.stringify(created.error));
assert.ok(created.data);
const account: Account = created.data;
assert.equal(account.name, name);
assert.equal(created.response.headers.get("location"), `/v1/accounts/${account.id}`);
const etag = created.response.headers.get("etag");
assert.ok(etag);

const seen: string[] = [];
let cursor: string | undefined;
do {
  const page = await client.GET("/v1/accounts", {
    params: { query: { limit: 1, ...(cursor === undefined ? {} : { cursor }) } },
  });
  assert.ok(page.data, JSON.stringify(page.error));
  seen.push(...page.data.data.map((row) => row.id));
  cursor = page.data.next_cursor ?? undefined;
} while (cursor !== undefined && seen.length < 5);
assert.ok(seen.includes(account.id), "the newest account stands on the first pages");
assert.equal(new Set(seen).size, seen.length);

const path = { id: account.id };
const patched = await client.PATCH("/v1/accounts/{id}", {
  params: { path, header: { "If-Match": etag } },
  body: { name: `${name} 2` },
});
assert.equal(patched.response.status, 200, JSON.stringify(patched.error));
assert.equal(patched.data?.name, `${name} 2`);

const stale = await client.PATCH("/v1/accounts/{id}", {
  params: { path, header: { "If-Match": etag } },
  body: { name },
});
assert.equal(stale.response.status, 412);
assert.equal(stale.error?.code, "version_mismatch");

const now = patched.response.headers.get("etag");
assert.ok(now);
const deleted = await client.DELETE("/v1/accounts/{id}", { params: { path, header: { "If-Match": now } } });
assert.equal(deleted.response.status, 204, JSON.stringify(deleted.error));

const gone = await client.GET("/v1/accounts/{id}", { params: { path } });
assert.equal(gone.response.status, 404);
assert.equal(gone.error?.code, "not_found");

console.log("scenario: ok");
