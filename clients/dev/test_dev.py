"""`custodia dev`: what it prints works as it stands, and the store it makes is believable."""

import json
import os
import stat
import subprocess
from pathlib import Path

import requests

HOST = os.environ["SUITE_HOST"]
TOKEN = os.environ["SUITE_TOKEN"]
CA = Path(os.environ["SUITE_CA"])
PRINTED = Path(os.environ["SUITE_OUTPUT"]).read_text(encoding="utf-8")


def get(path):
    answer = requests.get(f"https://{HOST}/stores/demo{path}", headers={"X-Auth-Token": TOKEN}, timeout=7)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_fifty_customers_live_in_the_demo_store():
    assert get("/v2/customers/count") == {"count": 50}
    customers = get("/v3/customers?limit=250")["data"]
    assert len({customer["email"].lower() for customer in customers}) == 50
    assert all(customer["first_name"] and customer["last_name"] for customer in customers)
    declared = [get(f"/v3/customers/{customer['id']}/consent") for customer in customers]
    assert any(consent["allow"] for consent in declared) and any(consent["deny"] for consent in declared)


def test_the_token_is_printed():
    assert TOKEN in PRINTED


def test_the_printed_curl_lines_work():
    lines = [line.strip() for line in PRINTED.splitlines() if line.strip().startswith("curl ")]
    assert len(lines) == 3, PRINTED
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", line.replace("curl ", "curl --silent --show-error --fail-with-body ", 1)],
            check=False, capture_output=True, text=True, timeout=20,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        json.loads(done.stdout)


def test_the_authoritys_key_is_its_owners_alone():
    keys = sorted(CA.parent.glob("*.key"))
    assert [key.name for key in keys] == ["api.bigcommerce.com.key", "ca.key"]
    for key in keys:
        assert stat.S_IMODE(key.stat().st_mode) == 0o600, key
