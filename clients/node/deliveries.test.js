// Webhooks arrive at a web server of Node's own, over TLS, and npm `standardwebhooks` verifies them.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const https = require('node:https');
const { afterEach, beforeEach, test } = require('node:test');
const { Webhook } = require('standardwebhooks');

const { SUITE_HOST, SUITE_STORE, SUITE_TOKEN, SUITE_CLIENT_SECRET, SUITE_TLS_CERT, SUITE_TLS_KEY } = process.env;

let secret = SUITE_CLIENT_SECRET; // the account's present one

const ask = async (method, path, body) => {
  const headers = { 'X-Auth-Token': SUITE_TOKEN, 'Content-Type': 'application/json' };
  const url = `https://${SUITE_HOST}/stores/${SUITE_STORE}${path}`;
  const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, text);
  return text && JSON.parse(text).data;
};
/** What a Standard Webhooks library takes for a key: Base64 of the secret's bytes. */
const key = (under) => Buffer.from(under).toString('base64');
const verify = (under, { headers, body }) => new Webhook(key(under)).verify(body, headers);

let receiver; // the server
let heard; // what it got
let hook; // that leads there

/** What tells of a customer, once it is there. */
const arrived = async (customer) => {
  for (let tries = 0; tries < 1500; tries += 1) {
    const told = heard.find(({ body }) => JSON.parse(body).data.id === customer);
    if (told) return told;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return assert.fail(`nothing tells of ${customer}`);
};
const person = (number) => ({ email: `told${number}@example.com`, first_name: 'Ada', last_name: 'Byron' });

beforeEach(async () => {
  heard = [];
  const take = (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      heard.push({ headers: request.headers, body: Buffer.concat(parts) });
      response.writeHead(204).end();
    });
  };
  receiver = https.createServer({ cert: readFileSync(SUITE_TLS_CERT), key: readFileSync(SUITE_TLS_KEY) }, take);
  await new Promise((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const destination = `https://127.0.0.1:${receiver.address().port}/`;
  hook = await ask('POST', '/v3/hooks', { scope: 'store/customer/*', destination, is_active: true });
});

afterEach(async () => {
  await ask('DELETE', `/v3/hooks/${hook.id}`);
  receiver.close();
});

test('the library verifies what arrived, and nothing else', async () => {
  const [{ id }] = await ask('POST', '/v3/customers', [person(1)]);
  const told = await arrived(id);
  const said = verify(secret, told);
  assert.deepEqual([said.scope, said.data], ['store/customer/created', { type: 'customer', id }]);
  assert.equal(told.headers['webhook-id'], said.hash);
  for (let at = 0; at < told.body.length; at += 1) {
    const body = Buffer.from(told.body);
    body[at] ^= 1;
    assert.throws(() => verify(secret, { ...told, body }), /No matching signature/, `${at}`);
  }
  const other = secret.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  assert.throws(() => verify(other, told), /No matching signature/);
  const timestamp = `${Number(told.headers['webhook-timestamp']) - 1}`;
  const earlier = { ...told, headers: { ...told.headers, 'webhook-timestamp': timestamp } };
  assert.throws(() => verify(SUITE_CLIENT_SECRET, earlier), /No matching signature/);
});

test('what is sent again later is too old', async (t) => {
  const [{ id }] = await ask('POST', '/v3/customers', [person(2)]);
  const told = await arrived(id);
  verify(secret, told);
  const later = Date.now() + 6 * 60 * 1000;
  t.mock.method(Date, 'now', () => later);
  assert.throws(() => verify(secret, told), /too old/);
});

test('within the grace either secret verifies what arrives', async () => {
  const former = secret;
  const body = { client_secret: former, grace_seconds: 60 };
  ({ client_secret: secret } = await ask('POST', '/custodia/accounts/secret', body));
  const [{ id }] = await ask('POST', '/v3/customers', [person(3)]);
  const told = await arrived(id);
  assert.equal(told.headers['webhook-signature'].split(' ').length, 2);
  assert.equal(verify(secret, told).data.id, id);
  assert.equal(verify(former, told).data.id, id);
  const bent = { ...told, body: Buffer.from(`${told.body} `) };
  for (const under of [secret, former]) assert.throws(() => verify(under, bent), /No matching signature/);
});
