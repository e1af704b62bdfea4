"""BigCommerce's own Python library (PyPI `bigcommerce`), told of its server and its stores."""

import os
import re
import subprocess

import pytest
from bigcommerce.api import BigcommerceApi
from bigcommerce.exception import ClientRequestException

HOST = os.environ["SUITE_HOST"]
STORE = os.environ["SUITE_STORE"]
LIMITED_STORE = os.environ["SUITE_LIMITED_STORE"]
CLIENT_ID = os.environ["SUITE_CLIENT_ID"]
TOKEN = os.environ["SUITE_TOKEN"]
READ_ONLY_TOKEN = os.environ["SUITE_READ_ONLY_TOKEN"]
LIMITED_TOKEN = os.environ["SUITE_LIMITED_TOKEN"]

V2_DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000")


def connect(token=TOKEN, store=STORE, **options):
    """The library, told of its server by BC_API_ENDPOINT and of the authority by REQUESTS_CA_BUNDLE."""
    return BigcommerceApi(client_id=CLIENT_ID, store_hash=store, access_token=token, **options)


def create(api, number, **fields):
    fields = {"first_name": f"First{number}", "last_name": "Person", "email": f"person{number}@example.com", **fields}
    return api.Customers.create(**fields)


def last(api):
    """The answer that the library has just read."""
    return api.connection._last_response


def ids(customers):
    """The ids of a list; of the 204 of an empty one the library makes a single object without fields."""
    return [] if isinstance(customers, dict) else [customer.id for customer in customers]


def webhooks(api):
    """All of the account's; of the 204 of none the library makes a single object without fields."""
    hooks = api.Webhooks.all(limit=250)
    return [] if isinstance(hooks, dict) else hooks


def custodia(*arguments):
    """What a command prints, given while the server runs."""
    command = [os.environ["SUITE_BINARY"], *arguments, "--database", os.environ["SUITE_DATABASE"]]
    command += ["--secret-key-file", os.environ["SUITE_KEY_FILE"]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def refusal(call, *arguments, **options):
    with pytest.raises(ClientRequestException) as refused:
        call(*arguments, **options)
    return refused.value.status_code, refused.value.response.json()
