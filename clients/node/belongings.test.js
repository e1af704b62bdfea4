// BigCommerce's own Node library (npm @bigcommerce/api-nodejs) at work: what belongs to V3 customers, over TLS.

const assert = require('node:assert/strict');
const { beforeEach, test } = require('node:test');
const BigCommerce = require('@bigcommerce/api-nodejs');

const { SUITE_HOST, SUITE_STORE, SUITE_TOKEN } = process.env;

const rest = new BigCommerce.Rest({ accessToken: SUITE_TOKEN, storeHash: SUITE_STORE, apiHost: SUITE_HOST });
const {
  customers,
  customerAddresses: addresses,
  customerAttributes: attributes,
  customerAttributesValues: values,
  customerFormFieldsValues: formFieldValues,
  customerStoredInstruments: instruments,
} = rest.v3.customers;

/** Ours: sets the scene where BigCommerce has no operation for it. */
const own = async (method, path, body) => {
  const answer = await fetch(`https://${SUITE_HOST}/stores/${SUITE_STORE}/custodia/${path}`, {
    method,
    headers: { 'X-Auth-Token': SUITE_TOKEN, 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer;
};

const data = async (call) => {
  const answer = await call;
  assert.ok(!(answer instanceof Error), JSON.stringify(answer.response?.data));
  assert.equal(answer.status, 200);
  return answer.data.data;
};
const gone = async (call) => assert.equal((await call).status, 204);

const HOME = {
  address1: '87 Longfield',
  address2: 'U6',
  address_type: 'residential',
  city: 'Cabramatta',
  company: '',
  country_code: 'AU',
  first_name: 'Ken',
  last_name: 'Ngo',
  phone: '',
  postal_code: '2166',
  state_or_province: 'New South Wales',
};

let ken;

beforeEach(async () => {
  for (;;) {
    const found = (await data(customers.list({ limit: 250 }))).map((customer) => customer.id);
    if (found.length === 0) break;
    await gone(customers.delete({ 'id:in': found }));
  }
  const known = (await data(attributes.list())).map((attribute) => attribute.id);
  if (known.length > 0) await gone(attributes.delete({ 'id:in': known }));
  [ken] = await data(customers.create([{ first_name: 'Ken', last_name: 'Ngo', email: 'ken@example.com' }]));
});

test('addresses are made, listed, changed and deleted', async () => {
  const [made] = await data(addresses.create([{ ...HOME, customer_id: ken.id }]));
  const expected = { ...HOME, id: made.id, customer_id: ken.id, country: 'Australia' };
  assert.deepEqual(made, expected);
  assert.deepEqual(await data(addresses.create([{ ...HOME, customer_id: ken.id }])), [], 'the same one is not made twice');
  assert.deepEqual(await data(addresses.list({ 'customer_id:in': ken.id })), [expected]);
  const [changed] = await data(addresses.update([{ id: made.id, city: 'Sydney' }]));
  assert.deepEqual(changed, { ...expected, city: 'Sydney' });
  const [shown] = await data(customers.list({ include: 'addresses' }));
  assert.deepEqual([shown.address_count, shown.addresses[0].city], [1, 'Sydney']);
  await gone(addresses.delete({ 'id:in': [made.id] }));
  assert.deepEqual(await data(addresses.list({ 'customer_id:in': ken.id })), []);
});

test('attributes and their values', async () => {
  const [age, since] = await data(
    attributes.create([
      { name: 'Age', type: 'number' },
      { name: 'Since', type: 'date' },
    ]),
  );
  assert.deepEqual([age.name, age.type], ['Age', 'number']);
  const [renamed] = await data(attributes.update([{ id: age.id, name: 'Years' }]));
  assert.equal(renamed.name, 'Years');
  const written = await data(
    values.update([
      { customer_id: ken.id, attribute_id: age.id, value: '55' },
      { customer_id: ken.id, attribute_id: since.id, value: '2018-11-14' },
    ]),
  );
  assert.deepEqual(
    written.map((value) => value.attribute_value),
    ['55', '2018-11-14'],
  );
  await data(values.update([{ customer_id: ken.id, attribute_id: age.id, value: '56' }]));
  const listed = await data(values.list({ 'customer_id:in': ken.id, 'attribute_id:in': age.id }));
  assert.deepEqual(
    listed.map((value) => value.attribute_value),
    ['56'],
  );
  await gone(values.delete({ 'id:in': [listed[0].id] }));
  await gone(attributes.delete({ 'id:in': [since.id] }));
  assert.deepEqual(await data(values.list({ 'customer_id:in': ken.id })), [], 'the values went with their attribute');
});

test('form fields hold what their types take', async () => {
  await own('PUT', 'form-fields', [
    { name: 'Shirt size', type: 'picklist', choices: ['S', 'M', 'L'] },
    { name: 'Pets', type: 'numbers' },
  ]);
  const upsert = (name, value) => formFieldValues.update([{ customer_id: ken.id, name, value }]);
  await data(upsert('Shirt size', 'M'));
  await data(upsert('Pets', 2));
  const listed = await data(formFieldValues.list({ customer_id: ken.id }));
  assert.deepEqual(
    listed.map(({ name, value }) => [name, value]),
    [
      ['Shirt size', 'M'],
      ['Pets', 2],
    ],
  );
  const refused = await upsert('Shirt size', 'XXL');
  assert.equal(refused.response.status, 422, 'a picklist takes its choices only');
  const [shown] = await data(customers.list({ include: 'formfields' }));
  assert.equal(shown.form_fields.length, 2);
});

test('stored instruments are a bare array', async () => {
  const list = async () => (await instruments.list(ken.id)).data;
  assert.deepEqual(await list(), []);
  await own('PUT', `customers/${ken.id}/stored-instruments/token-1`, {
    type: 'stored_paypal_account',
    email: 'ken@example.com',
    is_default: true,
  });
  const [instrument] = await list();
  assert.deepEqual(
    [instrument.type, instrument.token, instrument.is_default, instrument.email],
    ['stored_paypal_account', 'token-1', true, 'ken@example.com'],
  );
});
