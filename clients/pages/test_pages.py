"""Two published pages, by their curl lines: Get Customer Consent, and V2 Get a Customer.

curl is told to take this server for api.bigcommerce.com; everything else is as the pages have it. What the real service
was seen to send beside what its pages say is in docs/quirks.md.
"""

import json
import os
import re
import subprocess
import time

import pytest

STORE = os.environ["SUITE_STORE"]
TOKEN = os.environ["SUITE_TOKEN"]

ISO_DATE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)"
RFC_DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"

# The members of the page's schema, without _authentication ("Not returned in any responses"), in the recorded order.
V2_FIELDS = [
    "id",
    "company",
    "first_name",
    "last_name",
    "email",
    "phone",
    "form_fields",
    "date_created",
    "date_modified",
    "store_credit",
    "registration_ip_address",
    "customer_group_id",
    "notes",
    "tax_exempt_category",
    "reset_pass_on_login",
    "accepts_marketing",
    "addresses",
]


def curl(method, path, body=None):
    """The pages' line: status and body, as they were sent."""
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", os.environ["SUITE_CA"]]
    command += ["--connect-to", f"api.bigcommerce.com:443:{os.environ['SUITE_HOST']}", "--write-out", "\n%{http_code}"]
    command += ["--request", method, "--url", f"https://api.bigcommerce.com/stores/{STORE}{path}"]
    command += ["--header", "Accept: application/json", "--header", "Content-Type: application/json"]
    command += ["--header", f"X-Auth-Token: {TOKEN}"]
    if body is not None:
        command += ["--data", json.dumps(body)]
    answer, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rsplit("\n", 1)
    return int(status), answer


def quirks(*words):
    """Switched by the command line while the server runs; a server in another process knows within a second."""
    command = [os.environ["SUITE_BINARY"], "store", "quirks", STORE, *words, "--database", os.environ["SUITE_DATABASE"]]
    subprocess.run(command, check=True, capture_output=True)


def until(condition, seconds=3):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.05)


@pytest.fixture
def customer():
    """The page's example customer, its password set."""
    status, body = curl("POST", "/v2/customers", {
        "_authentication": {"password": "12w69Y217PYR96J", "force_reset": True},
        "company": "BigCommerce",
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "janedoe@example.com",
        "phone": "1234567890",
        "store_credit": "150.75",
        "registration_ip_address": "12.34.56.78",
        "notes": "",
        "tax_exempt_category": "D",
    })
    assert status == 201, body
    assert "_authentication" not in body and "12w69Y217PYR96J" not in body
    number = json.loads(body)["id"]
    yield number
    assert curl("DELETE", f"/v2/customers/{number}") == (204, "")


def v2_customer(number):
    status, body = curl("GET", f"/v2/customers/{number}")
    assert status == 200, body
    assert "_authentication" not in body
    return json.loads(body)


def check_v2_customer(shown, number, date, credit):
    assert list(shown) == V2_FIELDS
    assert re.fullmatch(date, shown["date_created"])
    assert shown["date_modified"] == shown["date_created"]
    addresses = shown["addresses"]
    assert list(addresses) == ["url", "resource"]
    assert re.fullmatch(f"https://[^/]+/stores/{STORE}/v2/customers/{number}/addresses", addresses["url"])
    assert {name: shown[name] for name in V2_FIELDS if name not in ("date_created", "date_modified")} == {
        "id": number,
        "company": "BigCommerce",
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "janedoe@example.com",
        "phone": "1234567890",
        "form_fields": None,
        "store_credit": credit,
        "registration_ip_address": "12.34.56.78",
        "customer_group_id": 0,
        "notes": "",
        "tax_exempt_category": "D",
        "reset_pass_on_login": True,
        "accepts_marketing": False,
        "addresses": {"url": addresses["url"], "resource": f"/customers/{number}/addresses"},
    }


def test_get_customer_consent(customer):
    path = f"/v3/customers/{customer}/consent"
    example = {"allow": ["essential", "targeting", "functional"], "deny": ["analytics"]}
    status, put = curl("PUT", path, example)
    assert status == 200, put
    status, got = curl("GET", path)
    assert status == 200, got
    assert got == put
    bare = r'\{"allow":\["essential","functional","targeting"\],"deny":\["analytics"\],"updated_at":"%s"\}'
    assert re.fullmatch(bare % ISO_DATE, got), got


def test_get_a_customer_as_recorded(customer):
    check_v2_customer(v2_customer(customer), customer, RFC_DATE, "150.7500")


def test_get_a_customer_as_published(customer):
    recorded = v2_customer(customer)
    quirks("v2_published_formats=on")
    try:
        until(lambda: v2_customer(customer) != recorded)
        check_v2_customer(v2_customer(customer), customer, ISO_DATE, "150.75")
        _, listed = curl("GET", "/v2/customers")
        assert json.loads(listed) == [v2_customer(customer)]
    finally:
        quirks("v2_published_formats=off")
    until(lambda: v2_customer(customer) == recorded)
