// The ledger, checked with other means than ours: RFC 9162's trees (which are those of RFC 6962) of npm
// @transmute/rfc9162, the signatures with OpenSSL.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const { before, test } = require('node:test');
const { RFC9162 } = require('@transmute/rfc9162');

const { SUITE_HOST, SUITE_STORE, SUITE_TOKEN, SUITE_BINARY, SUITE_DATABASE, SUITE_KEY_FILE } = process.env;
// More than a tile, and no power of two.
const LEAVES = 300;

const root = `https://${SUITE_HOST}/stores/${SUITE_STORE}/v3/customers`;
const ask = async (method, path, body) => {
  const headers = { 'X-Auth-Token': SUITE_TOKEN, 'Content-Type': 'application/json' };
  const answer = await fetch(root + path, { method, headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
};
const consent = (...args) =>
  execFileSync(SUITE_BINARY, ['consent', ...args, '--database', SUITE_DATABASE, '--secret-key-file', SUITE_KEY_FILE], {
    encoding: 'utf8',
  });
const bytes = (base64) => new Uint8Array(Buffer.from(base64, 'base64'));
const hash = (leaf) => RFC9162.leaf(new TextEncoder().encode(leaf));

let entries; // the texts of the leaves
let checkpoint; // over all of them

before(async () => {
  const person = { email: 'ledger@example.com', first_name: 'Ada', last_name: 'Byron' };
  const [{ id }] = (await ask('POST', '', [person])).data;
  for (let n = 0; n < LEAVES; n += 1) {
    await ask('PUT', `/${id}/consent`, { allow: ['essential'], deny: n % 2 ? ['targeting'] : [] });
  }
  const lines = consent('export', '--store', SUITE_STORE).trimEnd().split('\n');
  entries = lines.slice(1, -1).map((line) => line.slice(line.indexOf('"leaf":') + 7, -1));
  ({ checkpoint } = JSON.parse(lines.at(-1)));
  assert.equal(entries.length, LEAVES);
});

/** The root of the first leaves as the other implementation makes it, and the inclusion of each. */
const rootOf = (size) => RFC9162.treeHead(entries.slice(0, size).map((entry) => new TextEncoder().encode(entry)));

test('the root that is signed is the one that the other implementation makes of the leaves', async () => {
  const [origin, size, signed] = checkpoint.split('\n');
  assert.ok(origin.endsWith(`/${SUITE_STORE}`), origin);
  assert.equal(Number(size), LEAVES);
  assert.deepEqual(bytes(signed), await rootOf(LEAVES));
});

test('inclusion proofs are accepted, and those of other leaves are not', async () => {
  for (const leaf of [0, 1, 127, 128, 255, 256, 257, 298, 299]) {
    const proof = JSON.parse(consent('prove', '--store', SUITE_STORE, '--leaf', String(leaf)));
    assert.equal(proof.checkpoint, checkpoint);
    const claim = { log_id: '', tree_size: proof.size, leaf_index: proof.index, inclusion_path: proof.proof.map(bytes) };
    const verify = async (entry, claim) => {
      try {
        return await RFC9162.verifyInclusionProof(await rootOf(LEAVES), await hash(entry), claim);
      } catch {
        return false;
      }
    };
    assert.deepEqual(bytes(proof.leaf_hash), await hash(entries[leaf]));
    assert.equal(await verify(entries[leaf], claim), true, `leaf ${leaf}`);
    assert.equal(await verify(`${entries[leaf]} `, claim), false, `leaf ${leaf}`);
    const path = claim.inclusion_path.slice(1);
    assert.equal(await verify(entries[leaf], { ...claim, inclusion_path: path }), false, `leaf ${leaf}`);
  }
});

test('consistency proofs are accepted, and those of other trees are not', async () => {
  for (const [older, size] of [[1, 2], [1, 300], [2, 300], [6, 8], [128, 300], [255, 256], [256, 300], [257, 299], [299, 300]]) {
    const proof = JSON.parse(consent('prove', '--store', SUITE_STORE, '--consistency', String(older), String(size)));
    const [before, after] = [await rootOf(older), await rootOf(size)];
    assert.deepEqual(bytes(proof.older_root), before);
    assert.deepEqual(bytes(proof.root), after);
    const path = proof.proof.map(bytes);
    // RFC 9162, 2.1.4.2, step 2, which the library leaves to its caller.
    if (Number.isInteger(Math.log2(older))) path.unshift(before);
    const claim = { log_id: '', tree_size_1: older, tree_size_2: size, consistency_path: path };
    const verify = async (before) => {
      try {
        return await RFC9162.verifyConsistencyProof(before, after, claim);
      } catch {
        return false;
      }
    };
    assert.equal(await verify(before), true, `${older} to ${size}`);
    assert.equal(await verify(await hash('another')), false, `${older} to ${size}`);
  }
});

test('OpenSSL accepts the signature of the checkpoint, and of nothing else', () => {
  // Base64 may have a + of its own.
  const [, name, key] = /^([^+]+)\+[^+]+\+(.+)$/.exec(consent('keys').trim().split('\n').at(-1));
  const publicKey = crypto.createPublicKey({
    format: 'der',
    type: 'spki',
    // RFC 8410: what stands before an Ed25519 key; the first byte of ours says that it is one.
    key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key, 'base64').subarray(1)]),
  });
  const [text, line] = checkpoint.split('\n\n');
  const [dash, signer, signature] = line.trim().split(' ');
  assert.equal(`${dash} ${signer}`, `\u2014 ${name}`);
  // C2SP signed-note: four bytes of the key's hash, then the signature of the text with its last line end.
  const signed = Buffer.from(signature, 'base64').subarray(4);
  assert.equal(crypto.verify(null, Buffer.from(`${text}\n`), publicKey, signed), true);
  assert.equal(crypto.verify(null, Buffer.from(`${text} \n`), publicKey, signed), false);
});
