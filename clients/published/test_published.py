"""The published documents, held against this server: requests are made from them, and their schemas judge the answers.

The documents are not ours to copy. Where they are, SUITE_PUBLISHED names the directory. Where the order of sources
(docs/quirks.md) has this server answer otherwise than a document says, deviations.tsv says so and why: a deviation that
is not listed fails, and so does one that is listed and no longer met.
"""

import base64
import collections
import csv
import json
import os
import pathlib
import urllib.parse

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.generation.meta import TestPhase

DIRECTORY = pathlib.Path(os.environ["SUITE_PUBLISHED"])
HOST = f"https://{os.environ['SUITE_HOST']}"
STORE = f"{HOST}/stores/{os.environ['SUITE_STORE']}"
TOKEN = {"X-Auth-Token": os.environ["SUITE_TOKEN"]}

DOCUMENTS = ("customers.v3", "customers.v2", "segments.v3", "subscribers.v3", "wishlists.v3", "webhooks.v3")

# Documents of what is answered at a store's own domain alone, which the suite's stores have none of.
STOREFRONTS = ("current_customer", "customer_login", "consent.sf", "customers.sf")

# Cases of an operation: so many of the systematic ones of each mode (fit, unfit), and so many drawn with the seed.
SYSTEMATIC, DRAWN, SEED = 60, 20, 1

COLUMNS = ("document", "operation", "status", "fault", "where")


# What is mended in the documents before they are read, so that requests can be made from them.


@schemathesis.hook
def before_load_schema(context, raw_schema):
    paths = raw_schema["paths"]
    # The suite brings its token; what is answered to others is no operation's own.
    raw_schema.pop("security", None)
    # OpenAPI has `Accept` and `Content-Type` said elsewhere than among the parameters.
    for path in paths.values():
        for holder in (path, *(part for part in path.values() if isinstance(part, dict))):
            holder["parameters"] = [one for one in holder.get("parameters", []) if not is_of_content(one)]
    mend(raw_schema)
    # The batch deletion shows no body, and can only mean ids.
    if batch := paths.get("/customers/metafields"):
        batch["delete"]["requestBody"] = json_body({"type": "array", "items": {"type": "integer"}})
    # V2's creation forgets `email`, without which there is none.
    if "/customers/{customer_id}/validate" in paths:
        body = paths["/customers"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        body["properties"]["email"] = {"type": "string"}
        body["required"] = ["first_name", "last_name", "email"]


def is_of_content(parameter):
    name = parameter.get("name") or parameter["$ref"].rsplit("/", 1)[1]
    return name in ("Accept", "Content-Type", "ContentType")


def mend(part):
    if isinstance(part, dict):
        # `exclusiveMaximum: false` is no JSON schema without `maximum`.
        for name in ("exclusiveMaximum", "exclusiveMinimum"):
            if part.get(name) is False:
                del part[name]
        # A group's rule requires a `price_list` that it does not describe: it has `price_list_id`.
        if part.get("required") == ["type", "price_list"]:
            part["required"] = ["type", "price_list_id"]
        # Of the alternatives that a group's rules have, one is to fit, and one only: but each is open to all of them.
        rules = part.get("discount_rules")
        if isinstance(rules, dict) and "oneOf" in rules:
            rules["anyOf"] = rules.pop("oneOf")
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        mend(inner)


def json_body(schema):
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def read(document):
    settings = {"generation": {"mode": "all"}, "phases": {"coverage": {"unexpected-methods": []}}}
    return schemathesis.openapi.from_path(
        DIRECTORY / f"{document}.yml", config=schemathesis.Config.from_dict(settings)
    )


def base_of(schema):
    """Where the document says that it is served, on this server."""
    path = urllib.parse.urlsplit(schema.raw_schema["servers"][0]["url"]).path
    return HOST + path.replace("{store_hash}", os.environ["SUITE_STORE"])


# What the store holds while an operation is asked.

session = requests.Session()
session.headers.update(TOKEN)


def api(method, path, body=None):
    answer = session.request(method, STORE + path, json=body)
    assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


def rows(method, path, body=None):
    return api(method, path, body)["data"]


class Scene:
    """One of everything, and three customers; nothing else."""

    password = "12w69Y217PYR96J"
    emails = 0

    def __init__(self):
        empty_store()
        fields = [{"name": "color", "type": "text"}, {"name": "color", "type": "text", "for": "address"}]
        api("PUT", "/custodia/form-fields", fields)
        self.group = api("POST", "/v2/customer_groups", {"name": "Friends"})["id"]
        self.attribute = rows("POST", "/v3/customers/attributes", [{"name": "Age", "type": "string"}])[0]["id"]
        ken = {
            "customer_group_id": self.group,
            "attributes": [{"attribute_id": self.attribute, "attribute_value": "55"}],
            "form_fields": [{"name": "color", "value": "red"}],
        }
        self.customer, self.other, third = (
            row["id"]
            for row in rows("POST", "/v3/customers", [
                {"first_name": name, "last_name": "Ngo", "email": f"{name}@example.com", **more}
                for name, more in (("Ken", ken), ("Ada", {}), ("Eve", {}))
            ])
        )
        self.email = "Ken@example.com"
        self.value = rows("GET", "/v3/customers/attribute-values")[0]["id"]
        home = {"address1": "87 Longfield", "city": "Cabramatta", "country_code": "AU", "postal_code": "2166"}
        home |= {"first_name": "Ken", "last_name": "Ngo", "state_or_province": "New South Wales"}
        home |= {"customer_id": self.customer, "form_fields": [{"name": "color", "value": "red"}]}
        self.address = rows("POST", "/v3/customers/addresses", [home])[0]["id"]
        note = {"namespace": "shop", "key": "note", "value": "x", "permission_set": "write"}
        self.metafield = rows("POST", f"/v3/customers/{self.customer}/metafields", note)[0]["id"]
        api("PUT", f"/v3/customers/{self.customer}/consent", {"allow": ["essential"], "deny": ["analytics"]})
        account = {"type": "stored_paypal_account", "email": "ken@example.com", "is_default": True}
        api("PUT", f"/custodia/customers/{self.customer}/stored-instruments/token-1", account)
        self.segment = rows("POST", "/v3/segments", [{"name": "Regulars", "description": "come often"}])[0]["id"]
        self.profile, self.stranger = (
            row["id"]
            for row in rows("POST", "/v3/shopper-profiles", [{"customer_id": self.customer}, {"customer_id": third}])
        )
        api("POST", f"/v3/segments/{self.segment}/shopper-profiles", [self.profile])
        self.subscriber = rows("POST", "/v3/customers/subscribers", {"email": "ken@example.com"})["id"]
        wanted = {"customer_id": self.customer, "name": "Birthday", "items": [{"product_id": 1, "variant_id": 2}]}
        wishlist = rows("POST", "/v3/wishlists", wanted)
        self.wishlist, self.item = wishlist["id"], wishlist["items"][0]["id"]
        told = {"scope": "store/customer/*", "destination": VALUES["destination"], "headers": VALUES["headers"]}
        self.hook = rows("POST", "/v3/hooks", told)["id"]
        api("PUT", "/v3/hooks/admin", {"emails": VALUES["emails"]})

    def set_password(self):
        """Only where it is asked for: its hash takes longer than all the rest."""
        row = {"id": self.customer, "authentication": {"new_password": self.password, "force_password_reset": False}}
        api("PUT", "/v3/customers", [row])


def empty_store():
    api("DELETE", "/v2/customers")  # and with them what is theirs
    api("DELETE", "/v3/customers/subscribers")
    for path in ("/v3/customers/attributes", "/v3/segments"):
        if ids := [str(row["id"]) for row in rows("GET", f"{path}?limit=250")]:
            api("DELETE", f"{path}?id:in={','.join(ids)}")
    for hook in rows("GET", "/v3/hooks?limit=250"):
        api("DELETE", f"/v3/hooks/{hook['id']}")
    for group in api("GET", "/v2/customer_groups?limit=250") or []:
        api("DELETE", f"/v2/customer_groups/{group['id']}")


# What a fit request needs beyond what its schema asks: ids of the scene, and what the published text says of a member.


def cursor(**place):
    return base64.urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


# By the last word of a path, and by the lists in a body: what `id` is there.
KINDS = {
    "customers": "customer",
    "addresses": "address",
    "attributes": "attribute",
    "attribute-values": "value",
    "form-field-values": "field",
    "metafields": "metafield",
    "customer_groups": "group",
    "segments": "segment",
    "shopper-profiles": "profile",
    "subscribers": "subscriber",
    "wishlists": "wishlist",
    "items": "item",
}
IDS = {
    "customerId": "customer",
    "customer_id": "customer",
    "resource_id": "customer",
    "customer_address_id": "address",
    "address_id": "address",
    "attribute_id": "attribute",
    "customer_group_id": "group",
    "metafieldId": "metafield",
    "segmentId": "segment",
    "shopperProfileId": "profile",
    "subscriber_id": "subscriber",
    "wishlist_id": "wishlist",
    "item_id": "item",
    "webhook_id": "hook",
}
IDS_OF_OPERATIONS = {
    "POST /customers/validate-credentials": {"email": "email"},
    "POST /shopper-profiles": {"customer_id": "other"},
    "POST /segments/{segmentId}/shopper-profiles": {"id": "stranger"},
}
VALUES = {
    "page": 1,
    "limit": 50,
    "after": cursor(id=1),
    "before": cursor(id=99999),
    "channel_id": 1,
    "origin_channel_id": 1,
    "channel_ids": [1],
    "country": "Australia",
    "country_code": "AU",
    "state": "New South Wales",
    "state_or_province": "New South Wales",
    "new_password": Scene.password,
    "password": Scene.password,
    "password_confirmation": Scene.password,
    "product_id": 7,
    "variant_id": 8,
    "form_fields": [{"name": "color", "value": "blue"}],
    "category_access": {"type": "specific", "categories": [3]},
    "scope": "store/customer/*",
    "destination": "https://hooks.example.com/in",
    "headers": {"X-Shared-Key": "chosen"},
    "emails": ["webhooks@example.com"],
}
VALUES_OF_FIELDS = {
    "name": "color",
    "value": "blue",
    "after": cursor(sessionId=1, fieldId=1),
    "before": cursor(sessionId=99999, fieldId=1),
}

# Asked beside what is made from the document, because only some seeds come upon it.
BESIDE = {
    "customers.v3 POST /customers": lambda scene: [
        [{"first_name": "Eve", "last_name": "Ngo", "email": "eve@example.org"}],
        [{}] * 11,
    ],
    "customers.v3 PUT /customers": lambda scene: [[{"id": scene.customer, "company": "Ngo"}], [{}] * 11],
}


def place(case, scene):
    """Put what the scene has, and what the text asks for, into those parts of a case that are meant to be fit."""
    kind = KINDS.get([step for step in case.path.split("/") if step[:1] != "{"][-1])
    ids = {"id": kind} | IDS | IDS_OF_OPERATIONS.get(case.operation.label, {})
    values = VALUES | (VALUES_OF_FIELDS if kind == "field" else {})

    def fit(name, value, ids):
        if known := ids.get(name.removesuffix(":in")):
            found = getattr(scene, known, value)
            return [found] if isinstance(value, list) else found
        if name in values:
            return value if value is None else values[name]
        if name == "email":
            Scene.emails += 1
            return f"{Scene.emails}@example.com"
        if value == "":
            return "x" if "date" not in name else "2037-01-01" if "max" in name else "2000-01-01"
        if isinstance(value, list):
            return [fit("" if isinstance(row, dict) else name or "id", row, ids) for row in value]
        if isinstance(value, dict):
            return {
                key: fit(key, one, ids | {"id": KINDS.get(key, ids["id"])})
                for key, one in value.items()
                if not (key == "before" and "after" in value)  # one of them, says the text
            }
        return value

    for location, part in (
        (ParameterLocation.PATH, "path_parameters"),
        (ParameterLocation.QUERY, "query"),
        (ParameterLocation.BODY, "body"),
    ):
        if not case.meta.is_negative_at(location):
            setattr(case, part, fit("", getattr(case, part), ids))


# What an answer has that its page has not.


def faults(operation, answer):
    """What is at fault, and where: no generated value is part of it."""
    definition = operation.responses.find_by_status_code(answer.status_code)
    if definition is None:
        yield "status", ""
        if answer.status_code >= 300 or answer.status_code == 204:
            return
        definition = next(operation.responses.iter_successful_responses())  # its body may be right all the same
    documented = definition.definition.get("content") or {}
    media = answer.headers.get("content-type", [None])[0]
    if bool(documented) != bool(answer.content):
        yield ("body" if answer.content else "no body"), ""
    elif answer.content and media not in documented:
        yield "media type", media
    elif answer.content:
        schema = definition.get_schema(media)
        assert schema.schema, f"{operation.label} {answer.status_code} has no schema to be held against"
        for error in definition.get_validator(schema.media_type, schema.schema).iter_errors(answer.json()):
            where = "".join("/*" if isinstance(step, int) else f"/{step}" for step in error.instance_path) or "/"
            yield f"{error.kind.name} {getattr(error.kind, 'property', '')}".strip(), where


def is_told(operation, answer):
    """Whether it is a success that shows something, or the deletion that was asked for, or all that its page shows."""
    if answer.status_code == 204:
        successes = [one.status_code for one in operation.responses.iter_successful_responses()]
        return operation.method.upper() == "DELETE" or successes == ["204"]
    if not 200 <= answer.status_code < 300:
        return False
    body = answer.json()
    return bool(body.get("data", body) if isinstance(body, dict) else body)


SCHEMAS = {document: read(document) for document in DOCUMENTS}
OPERATIONS = [(name, one.ok()) for name, schema in SCHEMAS.items() for one in schema.get_all_operations()]
asked, met = set(), set()  # operations, and the deviations of them


@pytest.mark.parametrize("document, operation", OPERATIONS, ids=lambda one: getattr(one, "label", one))
def test_the_server_never_fails_and_shows_what_a_success_looks_like(document, operation):
    scene, counts, errors, shown = None, collections.Counter(), [], 0
    base = base_of(SCHEMAS[document])

    def on_the_scene():
        nonlocal scene
        if scene is None:
            scene = Scene()
            if "/validate" in operation.path:
                scene.set_password()
        return scene

    def ask(case):
        nonlocal scene, shown
        answer = case.call(base_url=base, session=session, headers=TOKEN)
        if answer.status_code >= 500:
            errors.append(f"{answer.status_code} {answer.text}\n{case.as_curl_command()}")
        for fault, where in faults(operation, answer):
            met.add((document, operation.label, str(answer.status_code), fault, where))
        shown += is_told(operation, answer)
        if operation.method.upper() == "DELETE" and answer.status_code < 300:
            scene = None

    def ask_generated(case):
        manner = case.meta.phase.name, case.meta.generation.mode
        counts[manner] += 1
        if manner[0] == TestPhase.COVERAGE and counts[manner] > SYSTEMATIC:
            return
        place(case, on_the_scene())
        ask(case)

    if beside := BESIDE.get(f"{document} {operation.label}"):
        for body in beside(on_the_scene()):
            ask(operation.Case(body=body, media_type="application/json"))
    settings = hypothesis.settings(
        max_examples=DRAWN,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    config = HypothesisTestConfig(
        project=operation.schema.config, modes=list(HypothesisTestMode), settings=settings, seed=SEED
    )
    create_test(operation=operation, test_func=ask_generated, config=config)()
    asked.add((document, operation.label))
    assert not errors, "\n".join(errors)
    assert shown, f"of {counts.total()} requests none was answered with a success that shows something"


def test_the_deviations_are_those_that_are_listed():
    assert len(asked) == len(OPERATIONS), "every operation has to be asked"
    with open(pathlib.Path(__file__).parent / "deviations.tsv", newline="") as file:
        listed = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert all(row["ruling"] for row in listed), "each has its ruling"
    listed = {tuple(row[column] for column in COLUMNS) for row in listed}
    found = {row if row in listed else of_the_document(row, listed) for row in met}
    told = ["not listed:", *sorted(map("\t".join, found - listed))]
    told += ["no longer met, so take it off the list:", *sorted(map("\t".join, listed - found))]
    assert found == listed, "\n".join(told)


def of_the_document(row, listed):
    """A status of refusal may be listed once for all operations of a document, as `*`."""
    document, _, status, fault, where = row
    common = (document, "*", status, fault, where)
    return common if status >= "400" and fault == "status" and common in listed else row


def test_every_document_there_is_asked():
    assert {file.stem for file in DIRECTORY.glob("*.yml")} == {*DOCUMENTS, *STOREFRONTS}


@pytest.mark.parametrize("document", STOREFRONTS)
def test_a_storefront_is_answered_at_a_domain_of_its_own(document):
    schema = read(document)
    for one in schema.get_all_operations():
        operation = one.ok()
        path = operation.path.replace("{", "").replace("}", "")
        answer = session.request(operation.method.upper(), base_of(schema) + path)
        assert (answer.status_code, answer.text) == (404, "There is no store at this domain"), operation.label
