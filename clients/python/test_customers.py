"""BigCommerce's own Python library at work: V2 customers, over TLS."""

import re
import time
from email.utils import parsedate_to_datetime

import pytest
import requests
from bigcommerce.exception import RateLimitingException
from library import (
    HOST,
    LIMITED_STORE,
    LIMITED_TOKEN,
    READ_ONLY_TOKEN,
    STORE,
    V2_DATE,
    connect,
    create,
    ids,
    last,
    refusal,
)


def test_the_servers_certificate_comes_from_the_local_authority_alone():
    trusted = requests.get(f"https://{HOST}/readyz", timeout=7)
    assert trusted.status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"https://{HOST}/readyz", timeout=7, verify=requests.certs.where())


def test_a_created_customer_is_read_back_whole(api):
    before = time.time()
    created = create(
        api,
        1,
        company="Custodia & Söhne",
        phone="+49 30 123456",
        notes='says "hello"\nin two lines',
        store_credit="150.75",
        registration_ip_address="192.0.2.17",
        tax_exempt_category="E7",
        _authentication={"password": "correct horse 9", "password_confirmation": "correct horse 9"},
    )
    assert last(api).status_code == 201
    body = last(api).json()
    assert body == {
        "id": created.id,
        "company": "Custodia & Söhne",
        "first_name": "First1",
        "last_name": "Person",
        "email": "person1@example.com",
        "phone": "+49 30 123456",
        "form_fields": None,
        "date_created": created.date_created,
        "date_modified": created.date_created,
        "store_credit": "150.7500",
        "registration_ip_address": "192.0.2.17",
        "customer_group_id": 0,
        "notes": 'says "hello"\nin two lines',
        "tax_exempt_category": "E7",
        "reset_pass_on_login": False,
        "accepts_marketing": False,
        "addresses": {
            "url": f"https://{HOST}/stores/{STORE}/v2/customers/{created.id}/addresses",
            "resource": f"/customers/{created.id}/addresses",
        },
    }
    assert V2_DATE.fullmatch(created.date_created)
    assert before - 2 <= parsedate_to_datetime(created.date_created).timestamp() <= time.time() + 2
    assert last(api).headers["content-type"] == "application/json"

    fetched = api.Customers.get(created.id)
    assert last(api).status_code == 200
    assert last(api).json() == body
    assert fetched.email == "person1@example.com"


@pytest.mark.parametrize("credit, shown", [(12, "12.0000"), (12.5, "12.5000"), ("12.3456", "12.3456"), (0, "0.0000")])
def test_store_credit_is_taken_as_number_or_string(api, credit, shown):
    assert create(api, 1, store_credit=credit).store_credit == shown


def test_pages_follow_one_another_until_an_empty_one(api):
    made = ids(create(api, number) for number in range(7))
    assert made == sorted(made)
    assert ids(api.Customers.all(limit=3)) == made[:3]
    assert ids(api.Customers.all(limit=3, page=2)) == made[3:6]
    assert ids(api.Customers.all(limit=3, page=3)) == made[6:]
    assert ids(api.Customers.all(limit=3, page=4)) == []
    assert (last(api).status_code, last(api).content) == (204, b"")
    assert ids(api.Customers.iterall(limit=5, page=2)) == made[5:]


def test_iterall_walks_several_pages_to_the_end(api):
    made = ids(create(api, number) for number in range(510))
    assert ids(api.Customers.iterall()) == made
    assert "page=4" in last(api).request.url, "three pages of at most 250, and the empty fourth"
    assert (last(api).status_code, last(api).content) == (204, b"")


def test_a_list_without_customers_is_empty(api):
    assert ids(api.Customers.all()) == []
    assert (last(api).status_code, last(api).content) == (204, b"")
    assert list(api.Customers.iterall()) == []


def test_filters_choose_customers(api):
    ada = create(api, 1, first_name="Ada", company="Engines", phone="1", tax_exempt_category="A1", store_credit=3)
    alan = create(api, 2, first_name="Alan", last_name="Turing", company="Machines", phone="2")
    grace = create(api, 3, first_name="Grace", last_name="Hopper", email="Grace@Example.com", company="Machines")

    def found(**filters):
        return ids(api.Customers.all(**filters))

    assert found(first_name="Ada") == [ada.id]
    assert found(last_name="Turing") == [alan.id]
    assert found(company="Machines") == [alan.id, grace.id]
    assert found(company="Machines", last_name="Hopper") == [grace.id]
    assert found(email="grace@example.com") == [grace.id]
    assert found(phone="2") == [alan.id]
    assert found(store_credit="3.0000") == [ada.id]
    assert found(customer_group_id=0) == [ada.id, alan.id, grace.id]
    assert found(tax_exempt_category="A1") == [ada.id]
    assert found(min_id=alan.id) == [alan.id, grace.id]
    assert found(max_id=alan.id) == [ada.id, alan.id]
    assert found(min_id=alan.id, max_id=alan.id) == [alan.id]
    for name in "min_date_created", "min_date_modified":
        for moment in ada.date_created, "2020-01-01", "2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00+00:00":
            assert found(**{name: moment}) == [ada.id, alan.id, grace.id], (name, moment)
        assert found(**{name: "Fri, 01 Jan 2100 00:00:00 +0000"}) == []
    for name in "max_date_created", "max_date_modified":
        assert found(**{name: grace.date_modified}) == [ada.id, alan.id, grace.id]
        assert found(**{name: "2020-01-01"}) == []
    assert found(email="nobody@example.com") == []
    assert last(api).status_code == 204


def test_an_update_changes_what_it_names(api):
    customer = create(api, 1, notes="kept", store_credit="5")
    before = last(api).json()
    updated = customer.update(first_name="Renamed", store_credit=7.25)
    assert last(api).status_code == 200
    after = last(api).json()
    assert updated.first_name == "Renamed"
    changed = {name for name in after if after[name] != before[name]}
    assert changed - {"date_modified"} == {"first_name", "store_credit"}
    assert after["store_credit"] == "7.2500"
    assert list(after) == list(before)
    assert api.Customers.get(customer.id).first_name == "Renamed"


def test_a_whole_object_can_be_sent_back(api):
    create(api, 1)
    whole = last(api).json()
    whole["notes"] = "seen"
    customer = api.Customers.get(whole["id"]).update(**whole)
    assert last(api).status_code == 200
    assert (customer.id, customer.notes) == (whole["id"], "seen")
    assert customer.date_created == whole["date_created"]


def test_count_counts_as_the_list_lists(api):
    assert api.Customers.count() == 0
    for number in range(3):
        create(api, number, company="Odd" if number % 2 else "Even")
    assert api.Customers.count() == 3
    assert api.Customers.count(company="Even") == 2
    assert api.Customers.count(email="nobody@example.com") == 0
    assert last(api).json() == {"count": 0}


def test_a_deleted_customer_is_gone(api):
    first, second = create(api, 1), create(api, 2)
    assert first.delete() == {}
    assert (last(api).status_code, last(api).content) == (204, b"")
    assert refusal(api.Customers.get, first.id)[0] == 404
    assert ids(api.Customers.all()) == [second.id]
    again = create(api, 1)
    assert again.id > second.id, "ids are never given out twice"


def test_all_customers_can_be_deleted_at_once(api):
    for number in range(103):
        create(api, number)
    assert api.Customers.delete_all() == {}
    assert last(api).status_code == 204
    assert api.Customers.count() == 0


def test_every_answer_tells_the_rate_limit(api):
    api.Customers.count()
    assert set(api.connection.rate_limit) == {
        "ms_until_reset", "window_size_ms", "requests_remaining", "requests_quota",
    }
    limit = api.connection.rate_limit
    assert 0 < limit["requests_remaining"] <= limit["requests_quota"]
    assert 0 <= limit["ms_until_reset"] <= limit["window_size_ms"]
    api.Customers.all()
    assert last(api).status_code == 204
    assert "X-Rate-Limit-Requests-Left" in last(api).headers
    assert last(api).headers["X-BC-Store-Version"] == "7.6.0"
    assert last(api).headers["X-BC-ApiLimit-Remaining"] == "20000"
    assert re.fullmatch("[0-9a-f]{32}", last(api).headers["X-Request-Id"])


def test_a_rate_plan_is_kept_and_the_library_understands_it():
    called = []
    watch = {"min_requests_remaining": 140, "wait": False, "callback_function": lambda: called.append(True)}
    api = connect(LIMITED_TOKEN, LIMITED_STORE, rate_limiting_management=watch)
    api.Time.all()
    assert api.connection.rate_limit["requests_quota"] == 150
    assert api.connection.rate_limit["window_size_ms"] == 30000
    assert api.connection.rate_limit["requests_remaining"] == 149
    for _ in range(149):
        api.Time.all()
    assert len(called) == 141, "called from 140 left down to 0"
    with pytest.raises(RateLimitingException) as refused:
        api.Time.all()
    assert refused.value.status_code == 429
    assert 0 < int(refused.value.retry_after) <= 30000
    assert 1 <= int(refused.value.headers["X-Retry-After"]) <= 30
    assert refused.value.headers["X-Rate-Limit-Requests-Left"] == "0"


def test_the_time_is_the_servers_time(api):
    before = time.time()
    assert before - 2 <= api.Time.all().time <= time.time() + 2


def test_the_store_tells_its_address(api):
    store = api.Store.all()
    assert last(api).status_code == 200
    assert store.secure_url.startswith("https://")


def test_an_unknown_customer_is_a_404(api):
    body = [{"status": 404, "message": "The requested resource was not found."}]
    assert refusal(api.Customers.get, 2147483647) == (404, body)
    gone = create(api, 1)
    gone.delete()
    assert refusal(gone.update, first_name="Ghost") == (404, body)


@pytest.mark.parametrize("email", ["person1@example.com", "PERSON1@EXAMPLE.COM"])
def test_an_address_in_use_is_refused(api, email):
    create(api, 1)
    in_use = [
        {
            "status": 400,
            "message": "The field 'email' is invalid.",
            "details": {"invalid_reason": "This email address is already in use by a customer."},
        }
    ]
    assert refusal(create, api, 2, email=email) == (400, in_use)
    other = create(api, 3)
    assert refusal(other.update, email=email) == (400, in_use)
    assert api.Customers.count() == 2
    assert api.Customers.get(other.id).email == "person3@example.com"


def test_invalid_fields_are_refused_by_name(api):
    def message(text):
        return 400, [{"status": 400, "message": text}]

    customer = create(api, 1)
    assert refusal(customer.update, email="invalid") == message("The field 'email' is invalid.")
    unsupported = "The field 'shoe_size' is not supported by this resource."
    assert refusal(create, api, 2, shoe_size=44) == message(unsupported)
    assert refusal(api.Customers.all, shoe_size=44) == message(unsupported)
    assert refusal(api.Customers.all, id=1) == message("The field 'id' is not supported by this resource.")
    nameless = {"first_name": "No", "last_name": "Address"}
    assert refusal(api.Customers.create, **nameless) == message("The field 'email' is required.")
    assert api.Customers.count() == 1


def test_a_token_must_be_right():
    unknown = connect(token="0" * 31)
    assert refusal(unknown.Customers.all) == (401, [{"status": 401, "message": "Unauthorized"}])
    elsewhere = connect(store=LIMITED_STORE)
    assert refusal(elsewhere.Customers.all)[0] == 403
    tokenless = requests.get(f"https://{HOST}/stores/{STORE}/v2/customers", timeout=7)
    assert (tokenless.status_code, tokenless.text) == (401, "X-Auth-Token header is required")


def test_a_read_only_token_reads_and_does_not_write(api):
    customer = create(api, 1)
    reader = connect(token=READ_ONLY_TOKEN)
    assert ids(reader.Customers.all()) == [customer.id]
    assert refusal(create, reader, 2)[0] == 403
    assert refusal(reader.Customers.get(customer.id).update, first_name="Changed")[0] == 403
    assert refusal(reader.Customers.delete_all)[0] == 403
    assert api.Customers.get(customer.id).first_name == "First1"
    assert api.Customers.count() == 1
