"""BigCommerce's own Python library signs shoppers in, and PyJWT checks what an app is told of them.

What a storefront's own pages do, plain HTTP does here: no library has it.
"""

import json
import re
import time
from urllib.parse import quote

import jwt
import pytest
import requests
from bigcommerce.customer_login_token import CustomerLoginTokens
from library import HOST, STORE, connect, create, custodia

DOMAIN = HOST.split(":")[0]


@pytest.fixture
def shop(api):
    """A storefront at the host that the suite calls, and the app that signs there."""
    custodia("store", "domain", "add", STORE, DOMAIN)
    printed = custodia("account", "create", "--store", STORE, "--scope", "store_v2_customers", "--json")
    yield json.loads(printed)
    custodia("store", "domain", "remove", STORE, DOMAIN)


@pytest.fixture
def app(shop, monkeypatch):
    """The library, as the app."""
    monkeypatch.setenv("APP_CLIENT_SECRET", shop["client_secret"])
    app = connect(shop["access_token"])
    app.connection.client_id = shop["client_id"]
    return app


def visit(browser, url):
    return browser.get(url, timeout=7, allow_redirects=False)


def current(browser, client_id):
    return visit(browser, f"https://{HOST}/customer/current.jwt?app_client_id={quote(client_id)}")


def test_the_librarys_login_token_signs_a_shopper_in_once(api, app):
    shopper = create(api, 1)
    url = CustomerLoginTokens.create_url(app, shopper.id, redirect_url="/cart.php", use_bc_time=True)
    browser = requests.Session()
    answer = visit(browser, url)
    assert (answer.status_code, answer.headers["location"]) == (302, "/cart.php")
    assert re.search("HttpOnly; Secure; SameSite=Lax$", answer.headers["set-cookie"])
    again = visit(requests.Session(), url)
    assert (again.status_code, again.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "used already" in again.text
    late = CustomerLoginTokens.create(app, shopper.id, iat_time=int(time.time()) - 40)
    assert "expired" in visit(requests.Session(), f"https://{HOST}/login/token/{late}").text


def test_the_librarys_token_for_one_address_is_refused_from_another(api, app):
    shopper = create(api, 1)
    here = CustomerLoginTokens.create_url(app, shopper.id, request_ip="127.0.0.1")
    assert visit(requests.Session(), here).status_code == 302
    elsewhere = CustomerLoginTokens.create_url(app, shopper.id, request_ip="192.0.2.1")
    assert visit(requests.Session(), elsewhere).status_code == 403


def test_pyjwt_verifies_who_is_signed_in(api, app, shop):
    shopper = create(api, 1)
    browser = requests.Session()
    assert current(browser, shop["client_id"]).status_code == 404
    visit(browser, CustomerLoginTokens.create_url(app, shopper.id))
    answer = current(browser, shop["client_id"])
    assert answer.status_code == 200
    claims = jwt.decode(
        answer.text, shop["client_secret"], algorithms=["HS256"], audience=shop["client_id"], issuer="bc/apps"
    )
    assert claims["exp"] - claims["iat"] == 900
    assert claims["customer"] == {"id": shopper.id, "email": "person1@example.com", "group_id": "0"}
    assert (claims["sub"], claims["store_hash"], claims["operation"]) == (STORE, STORE, "current_customer")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(answer.text, "another" * 5, algorithms=["HS256"], audience=shop["client_id"])
    assert current(browser, "nobody").status_code == 400


def ask_for_consent(shop, whether):
    url = f"https://{HOST}/stores/{STORE}/v3/customers/settings"
    body = {"privacy_settings": {"ask_shopper_for_tracking_consent": whether}}
    answer = requests.put(url, json=body, headers={"X-Auth-Token": shop["access_token"]}, timeout=7)
    assert answer.status_code == 200


def history(shop, shopper):
    url = f"https://{HOST}/stores/{STORE}/custodia/customers/{shopper}/consent"
    answer = requests.get(url, headers={"X-Auth-Token": shop["access_token"]}, timeout=7)
    assert answer.status_code == 200
    return answer.json()["data"]


def post(browser, path, body, **headers):
    headers = {"Origin": f"https://{HOST}", **headers}
    return browser.post(f"https://{HOST}/api/storefront/{path}", json=body, headers=headers, timeout=7)


def test_a_page_makes_an_account_and_what_the_guest_chose_is_the_customers(api, shop):
    form = {"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "password": "difference engine 2"}
    browser = requests.Session()
    ask_for_consent(shop, False)
    assert post(browser, "consent", {"allow": [1, 2], "deny": [3]}).status_code == 400
    ask_for_consent(shop, True)
    assert post(browser, "consent", {"allow": [1, 2], "deny": [3]}, Origin="https://evil.example").status_code == 403
    chosen = post(browser, "consent", {"allow": [1, 2], "deny": [3]})
    assert (chosen.status_code, chosen.content, list(browser.cookies.keys())) == (200, b"", ["__Host-custodia_consent"])
    assert post(browser, "customers", {**form, "password": ""}).status_code == 422
    assert post(browser, "customers", {**form, "password": "difference"}).status_code == 400
    made = post(browser, "customers", form)
    assert (made.status_code, made.content, list(browser.cookies.keys())) == (204, b"", ["__Host-custodia_shopper"])
    assert post(requests.Session(), "customers", form).status_code == 409
    told = current(browser, shop["client_id"])
    shopper = jwt.decode(told.text, shop["client_secret"], algorithms=["HS256"], audience=shop["client_id"])["customer"]
    assert shopper["email"] == "ada@example.com"
    assert post(browser, "consent", {"allow": [], "deny": [1, 2, 3]}, **{"Sec-GPC": "1"}).status_code == 200
    shown = [(one["allow"], one["deny"], one["source"], one["gpc"]) for one in history(shop, shopper["id"])]
    assert shown == [
        ([], ["functional", "analytics", "targeting"], "storefront", True),
        (["functional", "analytics"], ["targeting"], "storefront", False),
    ]
