// BigCommerce's own Node library (npm @bigcommerce/api-nodejs) at work: V3 customers and consent, over TLS.
//
// The library resolves with the error where others would throw, 429 apart: `refusal` reads it from there.

const assert = require('node:assert/strict');
const { beforeEach, test } = require('node:test');
const BigCommerce = require('@bigcommerce/api-nodejs');

const { SUITE_HOST, SUITE_STORE, SUITE_TOKEN, SUITE_READ_ONLY_TOKEN, SUITE_LIMITED_STORE, SUITE_LIMITED_TOKEN } =
  process.env;
const STATUS_CODES = 'https://developer.bigcommerce.com/api-docs/getting-started/api-status-codes';
const V3_DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const connect = (accessToken = SUITE_TOKEN, storeHash = SUITE_STORE) =>
  new BigCommerce.Rest({ accessToken, storeHash, apiHost: SUITE_HOST });

const rest = connect();
const { customers, customerConsent: consent } = rest.v3.customers;

const person = (number, more = {}) => ({
  first_name: `First${number}`,
  last_name: 'Person',
  email: `person${number}@example.com`,
  ...more,
});
const ids = (answer) => answer.data.data.map((customer) => customer.id);
const create = async (...people) => (await customers.create(people)).data.data;

/** The status and body with which a call was refused. */
const refusal = async (call) => {
  const error = await call;
  assert.ok(error instanceof Error, 'a refusal was expected');
  assert.ok(error.response, error.message);
  return [error.response.status, error.response.data];
};
const failure = (status, title, errors = {}) => [status, { status, title, type: STATUS_CODES, errors }];

beforeEach(async () => {
  for (;;) {
    const found = ids(await customers.list({ limit: 250 }));
    if (found.length === 0) return;
    assert.equal((await customers.delete({ 'id:in': found })).status, 204);
  }
});

test('a created customer is told in the recorded order, with its defaults', async () => {
  const answer = await customers.create([person(1)]);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.match(answer.headers['x-request-id'], /^[0-9a-f]{32}$/);
  const [{ id, date_created, date_modified }] = answer.data.data;
  const expected = {
    data: [
      {
        id,
        authentication: { force_password_reset: false },
        company: '',
        customer_group_id: 0,
        email: 'person1@example.com',
        first_name: 'First1',
        last_name: 'Person',
        notes: '',
        phone: '',
        registration_ip_address: '',
        tax_exempt_category: '',
        date_created,
        date_modified,
        accepts_product_review_abandoned_cart_emails: false,
        store_credit_amounts: [{ amount: 0 }],
        origin_channel_id: 1,
        channel_ids: null,
      },
    ],
    meta: {},
  };
  assert.equal(JSON.stringify(answer.data), JSON.stringify(expected));
  assert.match(date_created, V3_DATE);
  assert.equal(date_modified, date_created);
  assert.ok(Math.abs(Date.parse(date_created) - Date.now()) < 10_000);

  const [listed] = (await customers.list()).data.data;
  delete expected.data[0].store_credit_amounts;
  assert.equal(JSON.stringify(listed), JSON.stringify(expected.data[0]), 'a GET hides the store credit');
});

test('every published field of a new customer is kept, and a password is not told', async () => {
  const given = {
    company: 'Custodia & Söhne',
    notes: 'says "hello"\nin two lines',
    phone: '+49 30 123456',
    tax_exempt_category: 'E7',
    accepts_product_review_abandoned_cart_emails: true,
    store_credit_amounts: [{ amount: 150.75 }],
    origin_channel_id: 1,
    channel_ids: [1],
  };
  const unpublished = { id: 4711, registration_ip_address: '192.0.2.17', _authentication: { password: 'ignored' } };
  const authentication = { force_password_reset: true, new_password: 'correct horse 9' };
  const [created] = await create(person(1, { ...given, ...unpublished, authentication }));
  const { id, date_created, date_modified, ...kept } = created;
  assert.notEqual(id, 4711);
  assert.deepEqual(kept, {
    ...person(1),
    ...given,
    registration_ip_address: '',
    customer_group_id: 0,
    authentication: { force_password_reset: true },
  });
});

test('ten customers are created at once, all or none', async () => {
  const made = await create(...Array.from({ length: 10 }, (_, number) => person(number)));
  assert.deepEqual(made.map((customer) => customer.email), Array.from({ length: 10 }, (_, n) => `person${n}@example.com`));
  assert.deepEqual(made.map((customer) => customer.id), Array.from({ length: 10 }, (_, n) => made[0].id + n));

  const clash = customers.create([person(20), person(3), person(21)]);
  assert.deepEqual(
    await refusal(clash),
    failure(422, 'Create customers failed.', {
      '.customer_create': 'Error creating customers: email person3@example.com already in use',
    }),
  );
  const eleven = customers.create(Array.from({ length: 11 }, (_, number) => person(30 + number)));
  assert.deepEqual(await refusal(eleven), failure(413, 'Max batch size allowed is 10'));
  assert.equal((await customers.list()).data.meta.pagination.total, 10);
});

test('pages run from the newest customer to the oldest', async () => {
  const newestFirst = (await create(...Array.from({ length: 7 }, (_, number) => person(number)))).map((c) => c.id).reverse();
  const first = await customers.list({ limit: 3 });
  assert.deepEqual(ids(first), newestFirst.slice(0, 3));
  assert.deepEqual(Object.keys(first.data), ['data', 'meta']);
  assert.deepEqual(first.data.meta.pagination, { total: 7, count: 3, per_page: 3, current_page: 1, total_pages: 3 });

  const last = await customers.list({ limit: 3, page: 3 });
  assert.deepEqual(ids(last), newestFirst.slice(6));
  assert.deepEqual(last.data.meta, { pagination: { total: 7, count: 1, per_page: 3, current_page: 3, total_pages: 3 } });

  const beyond = await customers.list({ limit: 3, page: 9 });
  assert.equal(beyond.status, 200);
  assert.deepEqual(beyond.data.data, []);
  assert.equal(beyond.data.meta.pagination.current_page, 9);
});

test('cursors lead to the end and back', async () => {
  const newestFirst = (await create(...Array.from({ length: 7 }, (_, number) => person(number)))).map((c) => c.id).reverse();
  const cursor = (id) => Buffer.from(JSON.stringify({ id })).toString('base64url');
  const seen = [];
  const walked = [];
  for (let query = { limit: 3 }; query; ) {
    const answer = await customers.list(query);
    const { cursor_pagination: at } = answer.data.meta;
    seen.push(...ids(answer));
    walked.push(at);
    assert.equal(at.count, ids(answer).length);
    assert.equal(at.per_page, 3);
    assert.equal(at.start_cursor, cursor(ids(answer)[0]));
    assert.equal(at.end_cursor, cursor(ids(answer).at(-1)));
    assert.equal('pagination' in answer.data.meta, !('after' in query), 'a cursor leaves the page numbers out');
    query = at.links.next && Object.fromEntries(new URLSearchParams(at.links.next));
  }
  assert.deepEqual(seen, newestFirst);
  assert.equal(walked.length, 3);
  assert.equal('previous' in walked[0].links, false);

  const back = await customers.list({ limit: 3, before: walked[2].start_cursor });
  assert.deepEqual(ids(back), newestFirst.slice(3, 6));
});

test('an empty store lists nothing, on one page', async () => {
  const answer = await customers.list();
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.data.data, []);
  assert.deepEqual(answer.data.meta.pagination, { total: 0, count: 0, per_page: 50, current_page: 1, total_pages: 1 });
});

test('filters choose customers', async () => {
  const [ada, alan, grace] = await create(
    person(1, { first_name: 'Ada', last_name: 'Lovelace', company: 'Engines', phone: '555-55-5555' }),
    person(2, { first_name: 'Alan', last_name: 'Turing', company: 'Machines' }),
    person(3, { first_name: 'Grace', last_name: 'Hopper', company: 'Machines', email: 'Grace@Example.com' }),
  );
  const found = async (query) => ids(await customers.list(query));
  assert.deepEqual(await found({ 'id:in': [ada.id, grace.id] }), [grace.id, ada.id], 'as id:in[]=1&id:in[]=2');
  assert.deepEqual(await found({ 'id:in': `${ada.id},${grace.id}` }), [grace.id, ada.id], 'as id:in=1,2');
  assert.deepEqual(await found({ 'company:in': 'machines' }), [grace.id, alan.id]);
  assert.deepEqual(await found({ 'company:in': 'Machines,Engines', 'name:like': 'a' }), [grace.id, alan.id, ada.id]);
  assert.deepEqual(await found({ 'email:in': 'grace@example.com' }), [grace.id]);
  assert.deepEqual(await found({ 'name:in': 'Alan Turing' }), [alan.id]);
  assert.deepEqual(await found({ 'name:like': 'lovelace,TURING' }), [alan.id, ada.id]);
  assert.deepEqual(await found({ 'phone:in': '555-55-5555' }), [ada.id]);
  assert.deepEqual(await found({ 'registration_ip_address:in': '192.0.2.1' }), [], 'blank for whom the API made');
  assert.deepEqual(await found({ 'customer_group_id:in': '0' }), [grace.id, alan.id, ada.id]);
  assert.deepEqual(await found({ 'customer_group_id:in': '5,6' }), []);
  assert.deepEqual(await found({ 'date_created:min': ada.date_created, 'date_modified:max': '2100-01-01' }), [
    grace.id,
    alan.id,
    ada.id,
  ]);
  assert.deepEqual(await found({ 'date_created:max': '2020-01-01T00:00:00+00:00' }), []);
  assert.deepEqual(await found({ sort: 'last_name:asc' }), [grace.id, ada.id, alan.id]);
  assert.deepEqual(await found({ sort: 'last_name:desc', limit: 1 }), [alan.id]);
});

test('the store credit is included when it is asked for', async () => {
  await create(person(1, { store_credit_amounts: [{ amount: 12.5 }] }));
  const [customer] = (await customers.list({ include: 'storecredit' })).data.data;
  assert.deepEqual(customer.store_credit_amounts, [{ amount: 12.5 }]);
  const names = Object.keys(customer);
  assert.equal(names[names.indexOf('store_credit_amounts') + 1], 'origin_channel_id');
  assert.equal('store_credit_amounts' in (await customers.list()).data.data[0], false);
  assert.equal((await refusal(customers.list({ include: 'storecredit,shoesize' })))[0], 422);
});

test('updates are partial and answered in the order of the request', async () => {
  const [first, second] = await create(person(1, { notes: 'kept' }), person(2));
  const answer = await customers.update([
    { id: second.id, company: 'Two' },
    { id: first.id, first_name: 'Renamed', origin_channel_id: 7, date_created: '2001-01-01T00:00:00Z' },
  ]);
  assert.equal(answer.status, 200);
  assert.deepEqual(ids(answer), [second.id, first.id]);
  const [two, one] = answer.data.data;
  assert.deepEqual({ ...two, date_modified: null }, { ...second, company: 'Two', date_modified: null });
  assert.deepEqual({ ...one, date_modified: null }, { ...first, first_name: 'Renamed', date_modified: null });
  assert.equal((await customers.list({ 'id:in': first.id })).data.data[0].notes, 'kept');

  assert.deepEqual(
    await refusal(customers.update([{ id: first.id, notes: 'lost' }, { id: 2147483647, notes: 'nobody' }])),
    failure(422, 'Update customers failed.', { '1.id': 'invalid customer ID' }),
  );
  assert.equal((await customers.list({ 'id:in': first.id })).data.data[0].notes, 'kept', 'all or none');
});

test('deleted customers are gone, and an unknown id is no fault', async () => {
  const [first, second, third] = await create(person(1), person(2), person(3));
  const answer = await customers.delete({ 'id:in': `${first.id},${third.id},2147483647` });
  assert.equal(answer.status, 204);
  assert.equal(answer.data, '');
  assert.deepEqual(ids(await customers.list()), [second.id]);
});

test('consent is a bare object of allow, deny and updated_at', async () => {
  const [{ id, date_created }] = await create(person(1));
  const undeclared = await consent.get(id);
  assert.equal(undeclared.status, 200);
  assert.equal(JSON.stringify(undeclared.data), JSON.stringify({ allow: [], deny: [], updated_at: date_created }));

  const declared = await consent.update(id, { allow: ['targeting', 'essential', 'functional'], deny: ['analytics'] });
  assert.equal(declared.status, 200);
  const { updated_at } = declared.data;
  const expected = { allow: ['essential', 'functional', 'targeting'], deny: ['analytics'], updated_at };
  assert.equal(JSON.stringify(declared.data), JSON.stringify(expected));
  assert.match(updated_at, V3_DATE);
  assert.ok(Math.abs(Date.parse(updated_at) - Date.now()) < 10_000);
  assert.equal(JSON.stringify((await consent.get(id)).data), JSON.stringify(expected));

  const withdrawn = await consent.update(id, { allow: [], deny: ['essential', 'functional', 'analytics', 'targeting'] });
  assert.deepEqual(withdrawn.data.allow, []);
  assert.deepEqual(withdrawn.data.deny, ['essential', 'functional', 'analytics', 'targeting']);
  assert.deepEqual((await consent.get(id)).data, withdrawn.data);
  assert.equal((await customers.list()).data.data[0].date_modified, date_created, 'consent is not a change of the customer');
});

test('a declaration at fault is refused and changes nothing', async () => {
  const [{ id }] = await create(person(1));
  const standing = (await consent.update(id, { allow: ['essential'], deny: [] })).data;
  const shape = 'JSON data is missing or invalid';
  assert.deepEqual(await refusal(consent.update(id, { allow: ['essential'] })), failure(422, shape, { deny: 'error.path.missing' }));
  assert.deepEqual(await refusal(consent.update(id, { deny: [] })), failure(422, shape, { allow: 'error.path.missing' }));

  const [unknown, { errors }] = await refusal(consent.update(id, { allow: ['essential', 'tasting'], deny: [] }));
  assert.deepEqual([unknown, errors], [422, { 'allow.1': 'error.expected.validenumvalue' }]);
  const [both, inBoth] = await refusal(consent.update(id, { allow: ['analytics'], deny: ['analytics'] }));
  assert.deepEqual([both, Object.keys(inBoth.errors)], [422, ['deny']]);

  assert.deepEqual((await consent.get(id)).data, standing);
  assert.equal((await refusal(consent.get(2147483647)))[0], 404);
  assert.equal((await refusal(consent.update(2147483647, { allow: [], deny: [] })))[0], 404);
});

test('requests at fault are refused in the recorded words', async () => {
  const [customer] = await create(person(1));
  assert.deepEqual(
    await refusal(customers.list({ foo: 'bar' })),
    failure(422, 'The filter(s): foo are not valid filter parameter(s).'),
  );
  assert.deepEqual(
    await refusal(customers.list({ 'id:in': 'hello' })),
    failure(422, 'Query parameter "id:in" value may contain only integer values. For input string: "hello".'),
  );
  assert.deepEqual(
    await refusal(customers.create([person(2, { email: customer.email.toUpperCase() })])),
    failure(422, 'Create customers failed.', {
      '.customer_create': `Error creating customers: email ${customer.email.toUpperCase()} already in use`,
    }),
  );
  assert.deepEqual(
    await refusal(customers.update([42])),
    failure(422, 'JSON data is missing or invalid', { id: 'error.path.missing' }),
  );
  const [status, { title }] = await refusal(customers.create(person(2)));
  assert.deepEqual([status, title], [422, 'JSON data is missing or invalid'], 'an object where a list is due');
  assert.deepEqual(ids(await customers.list()), [customer.id]);
});

test('a token opens its own store, and only as far as its scopes go', async () => {
  const [{ id }] = await create(person(1));
  const [unknown, body] = await refusal(connect('0'.repeat(31)).v3.customers.customers.list());
  assert.deepEqual([unknown, body.status, body.title], [401, 401, 'Unauthorized']);
  assert.equal((await refusal(connect(SUITE_TOKEN, SUITE_LIMITED_STORE).v3.customers.customers.list()))[0], 403);

  const reader = connect(SUITE_READ_ONLY_TOKEN).v3.customers;
  assert.deepEqual(ids(await reader.customers.list()), [id]);
  assert.deepEqual((await reader.customerConsent.get(id)).data.allow, []);
  const scopeless = failure(403, "You don't have a required scope to access the endpoint");
  assert.deepEqual(await refusal(reader.customers.create([person(2)])), scopeless);
  assert.deepEqual(await refusal(reader.customers.update([{ id, notes: 'x' }])), scopeless);
  assert.deepEqual(await refusal(reader.customers.delete({ 'id:in': id })), scopeless);
  assert.deepEqual(await refusal(reader.customerConsent.update(id, { allow: ['essential'], deny: [] })), scopeless);
  assert.deepEqual(ids(await customers.list()), [id]);
});

test('the library reads the rate limit, and gives up when it is passed', async () => {
  await customers.list();
  const free = rest.rateLimitManager.status;
  assert.ok(free.requestsRemaining > 0 && free.requestsRemaining <= free.requestsQuota);

  const limited = connect(SUITE_LIMITED_TOKEN, SUITE_LIMITED_STORE);
  for (let left = 149; left >= 0; left--) {
    await limited.v3.customers.customers.list();
    assert.equal(limited.rateLimitManager.status.requestsRemaining, left);
  }
  assert.equal(limited.rateLimitManager.status.requestsQuota, 150);
  assert.equal(limited.rateLimitManager.status.windowSize, 30_000);
  await assert.rejects(limited.v3.customers.customers.list(), /^Error: 429 - Rate limit exceeded\. \d+ms to reset\.$/);
});
