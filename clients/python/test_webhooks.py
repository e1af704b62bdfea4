"""BigCommerce's own Python library registers webhooks: what an app does when it is installed, and when it goes."""

import time

import pytest
from library import CLIENT_ID, READ_ONLY_TOKEN, STORE, connect, ids, last, refusal, webhooks

DESTINATION = "https://hooks.example.com/customers"


@pytest.fixture
def api(api):
    """The same store, without webhooks of its account."""
    clear(api)
    yield api
    clear(api)


def clear(api):
    for hook in webhooks(api):
        hook.delete()


def test_a_webhook_is_made_read_changed_and_deleted(api):
    hook = api.Webhooks.create(scope="store/customer/*", destination=DESTINATION)
    assert last(api).status_code == 201
    assert (hook.client_id, hook.store_hash) == (CLIENT_ID, STORE)
    assert (hook.scope, hook.destination, hook.headers, hook.is_active) == ("store/customer/*", DESTINATION, None, True)
    assert abs(time.time() - hook.created_at) < 5 and hook.updated_at == hook.created_at
    assert api.Webhooks.get(hook.id) == hook
    changed = hook.update(is_active=False, headers={"X-Shared-Key": "s3cret"})
    assert (changed.is_active, changed.headers) == (False, {"X-Shared-Key": "s3cret"})
    assert changed.scope == "store/customer/*"
    hook.delete()
    assert last(api).status_code == 204
    assert refusal(api.Webhooks.get, hook.id)[0] == 404


def test_webhooks_are_listed_and_walked_through(api):
    assert webhooks(api) == []
    assert list(api.Webhooks.iterall()) == []
    scopes = ["store/customer/*", "store/subscriber/created", "store/order/*"]
    made = [api.Webhooks.create(scope=scope, destination=DESTINATION).id for scope in scopes]
    assert ids(api.Webhooks.all()) == made
    assert [hook.scope for hook in api.Webhooks.iterall()] == scopes
    assert ids(api.Webhooks.all(limit=2, page=2)) == made[2:]
    assert ids(api.Webhooks.all(scope="store/order/*")) == made[2:]


def test_what_cannot_be_a_webhook_is_refused(api):
    def message(text):
        return 400, [{"status": 400, "message": text}]

    create = api.Webhooks.create
    assert refusal(create, scope="store/customer/*") == message("The field 'destination' is required.")
    plain = refusal(create, scope="store/customer/*", destination="http://hooks.example.com/")
    assert plain == message("The field 'destination' is invalid.")
    assert refusal(create, scope="store/nothing", destination=DESTINATION) == message("The field 'scope' is invalid.")
    assert webhooks(api) == []


def test_another_account_of_the_store_does_not_see_it(api):
    hook = api.Webhooks.create(scope="store/customer/created", destination=DESTINATION)
    other = connect(READ_ONLY_TOKEN)
    assert webhooks(other) == []
    assert refusal(other.Webhooks.get, hook.id)[0] == 404
    own = other.Webhooks.create(scope="store/customer/created", destination=DESTINATION)
    own.delete()
    assert api.Webhooks.get(hook.id).is_active
