"""BigCommerce's own Python library at work: V2 addresses, customer groups and counts, over TLS."""

import pytest
from library import create, ids, last, refusal

HOME = {
    "first_name": "Ada",
    "last_name": "Byron",
    "company": "",
    "street_1": "12 St James's Square",
    "street_2": "",
    "city": "Austin",
    "state": "Texas",
    "zip": "78701",
    "country": "United States",
    "phone": "5125550100",
}


@pytest.fixture
def customer(api):
    return create(api, 1)


@pytest.fixture
def groups(api):
    """The groups of a store that has none yet."""
    found = api.CustomerGroups.all()
    for group in [] if isinstance(found, dict) else found:
        group.delete()
    return api.CustomerGroups


def test_an_address_is_read_back_whole(api, customer):
    made = api.CustomerAddresses.create(customer.id, **HOME)
    assert last(api).status_code == 201
    expected = {"id": made.id, "customer_id": customer.id, **HOME, "country_iso2": "US"}
    expected |= {"address_type": made.address_type, "form_fields": None}
    assert last(api).json() == expected
    assert list(last(api).json()) == [
        "id", "customer_id", "first_name", "last_name", "company", "street_1", "street_2", "city", "state", "zip",
        "country", "country_iso2", "phone", "address_type", "form_fields",
    ]  # fmt: skip
    api.CustomerAddresses.get(customer.id, made.id)
    assert last(api).json() == expected
    [listed] = customer.addresses()
    assert listed.city == "Austin"
    assert customer.addresses(made.id).zip == "78701"


def test_addresses_are_listed_counted_and_changed(api, customer):
    assert ids(customer.addresses()) == []
    assert last(api).status_code == 204
    assert api.CustomerAddresses.count(customer.id) == 0
    made = [api.CustomerAddresses.create(customer.id, **{**HOME, "street_1": f"{number} Main Street"}) for number in range(3)]
    assert ids(customer.addresses()) == [address.id for address in made]
    assert api.CustomerAddresses.count(customer.id) == 3
    assert ids(api.CustomerAddresses.all(customer.id, limit=2, page=2)) == [made[2].id]
    changed = made[1].update(city="Houston")
    assert (changed.id, changed.city, changed.street_1) == (made[1].id, "Houston", "1 Main Street")
    # Whole objects are sent back, members that cannot be written and all.
    assert made[0].update(**last(api).json() | {"street_1": "9 Back Lane"}).street_1 == "9 Back Lane"
    made[2].delete()
    assert last(api).status_code == 204
    assert ids(customer.addresses()) == [made[0].id, made[1].id]
    api.CustomerAddresses.delete_all(customer.id)
    assert ids(customer.addresses()) == []


def test_an_address_at_fault_is_refused(api, customer):
    status, faults = refusal(api.CustomerAddresses.create, customer.id, **{**HOME, "country": "Atlantis"})
    assert (status, [fault["status"] for fault in faults]) == (400, [400])
    without_city = {name: value for name, value in HOME.items() if name != "city"}
    status, faults = refusal(api.CustomerAddresses.create, customer.id, **without_city)
    assert (status, faults[0]["message"]) == (400, "The field 'city' is required.")
    assert api.CustomerAddresses.count(customer.id) == 0
    assert refusal(api.CustomerAddresses.create, 999_999, **HOME)[0] == 404


def test_a_group_is_made_changed_and_read(api, groups):
    made = groups.create(name="Wholesale")
    assert last(api).status_code == 201
    assert made.name == "Wholesale"
    assert groups.get(made.id).name == "Wholesale"
    assert made.update(name="Retail").name == "Retail"
    assert [group.name for group in groups.all()] == ["Retail"]
    assert groups.count() == 1
    assert [group.name for group in groups.all(**{"name:like": "eta"})] == ["Retail"]


def test_deleting_a_group_returns_its_members_to_none(api, groups):
    group = groups.create(name="Wholesale")
    member = create(api, 1, customer_group_id=group.id)
    assert member.customer_group_id == group.id
    group.delete()
    assert last(api).status_code == 204
    assert api.Customers.get(member.id).customer_group_id == 0
    assert groups.count() == 0


def test_a_new_customer_joins_the_default_group(api, groups):
    group = groups.create(name="Everybody", is_default=True)
    assert create(api, 1).customer_group_id == group.id
    assert refusal(create, api, 2, customer_group_id=999_999)[0] == 400
    group.delete()


def test_count_counts_as_the_list_lists_beyond_a_page(api):
    for number in range(3):
        create(api, number)
    assert api.Customers.count() == 3
    assert api.Customers.count(first_name="First1") == 1
