"""Webhooks arrive at a web server, and PyPI `standardwebhooks` verifies them: what an app does with them."""

import datetime
import json
import os

import pytest
import requests
import standardwebhooks.webhooks
from library import HOST, STORE, connect, create, custodia, last, webhooks
from receiver import Receiver, key
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = os.environ["SUITE_CLIENT_SECRET"]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def subscribe(api, receiver):
    """Makes webhooks that lead to the receiver; they go with the test."""

    def subscribe(path="/", scope="store/customer/*"):
        return api.Webhooks.create(scope=scope, destination=receiver.url(path))

    yield subscribe
    for hook in webhooks(api):
        hook.delete()


def test_the_library_verifies_what_arrived(api, receiver, subscribe):
    subscribe()
    customer = create(api, 1)
    [(headers, body)] = receiver.wait(customer)
    said = Webhook(key(SECRET)).verify(body, headers)
    assert (said["scope"], said["data"]) == ("store/customer/created", {"type": "customer", "id": customer.id})
    assert headers["webhook-id"] == said["hash"]
    # And nothing else.
    for at in range(len(body)):
        bent = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert not verifies(SECRET, bent, headers), at
    assert not verifies(SECRET, body + b" ", headers)
    assert not verifies(SECRET[:-1] + ("0" if SECRET[-1] != "0" else "1"), body, headers)
    for header in ["webhook-id", "webhook-timestamp"]:
        bent = headers[header][:-1] + str((int(headers[header][-1], 16) + 1) % 10)
        assert not verifies(SECRET, body, {**headers, header: bent})


def test_what_is_sent_again_later_is_too_old(api, receiver, subscribe, monkeypatch):
    subscribe()
    [(headers, body)] = receiver.wait(create(api, 1))

    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + datetime.timedelta(minutes=6)

    assert verifies(SECRET, body, headers)
    monkeypatch.setattr(standardwebhooks.webhooks, "datetime", Later)
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(key(SECRET)).verify(body, headers)


def test_a_change_is_told_until_the_webhook_is_deleted(api, receiver, subscribe):
    gone, stays = subscribe("/gone"), subscribe("/stays")
    customer = create(api, 1)
    customer.update(first_name="Ada")
    for path in ["/gone", "/stays"]:
        assert scopes(receiver.wait(customer, path, 2)) == ["store/customer/created", "store/customer/updated"]
    gone.delete()
    assert last(api).status_code == 204
    customer.update(first_name="Augusta")
    customer.delete()
    told = receiver.wait(customer, "/stays", 4)
    assert scopes(told)[2:] == ["store/customer/updated", "store/customer/deleted"]
    assert len(receiver.of(customer, "/gone")) == 2
    # Changed to another place and another scope, it is told there of that alone.
    stays.update(destination=receiver.url("/elsewhere"), scope="store/customer/deleted")
    other = create(api, 2)
    other.delete()
    assert scopes(receiver.wait(other, "/elsewhere")) == ["store/customer/deleted"]
    assert receiver.of(other, "/stays") == []


def test_within_the_grace_either_secret_verifies_what_arrives(api, receiver):
    """An app replaces its own secret over the wire; then the operator does, for who has lost it, without a grace."""
    printed = custodia("account", "create", "--store", STORE, "--scope", "store_v2_customers", "--json")
    account = json.loads(printed)
    first, token = account["client_secret"], account["access_token"]
    app = connect(token)
    hook = app.Webhooks.create(scope="store/customer/created", destination=receiver.url())
    url = f"https://{HOST}/stores/{STORE}/custodia/accounts/secret"

    def replace(secret):
        return requests.post(url, json={"client_secret": secret}, headers={"X-Auth-Token": token}, timeout=7)

    answer = replace(first)
    assert answer.status_code == 200
    second = answer.json()["data"]["client_secret"]
    assert replace(first).status_code == 422
    [(headers, body)] = receiver.wait(create(api, 1))
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert verifies(first, body, headers) and verifies(second, body, headers) and not verifies(SECRET, body, headers)
    assert not verifies(first, body + b" ", headers)
    printed = custodia("account", "rotate", account["client_id"], "--grace", "0", "--json")
    third = json.loads(printed)["client_secret"]
    [(headers, body)] = receiver.wait(create(api, 2))
    assert [verifies(secret, body, headers) for secret in [first, second, third]] == [False, False, True]
    hook.delete()


def verifies(secret, body, headers):
    try:
        Webhook(key(secret)).verify(body, headers)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def scopes(told):
    for headers, body in told:
        assert verifies(SECRET, body, headers)
    return [json.loads(body)["scope"] for _, body in told]
