"""GET consent as one would write it with FastAPI and SQLite, from custodia's own database file.

The token is checked as custodia checks it: by its SHA-256, in memory, and its store against the path's.
"""

import hashlib
import os
import sqlite3
from datetime import datetime, timezone
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException

CONSENT = """SELECT c.date_created, d.allow, d.deny, d.declared_at FROM customer c
    LEFT JOIN consent_declaration d ON d.store_id = c.store_id AND d.customer_id = c.customer_id
    AND d.sequence = c.declarations WHERE c.store_id = ? AND c.customer_id = ?"""

app = FastAPI()
database = sqlite3.connect(f"file:{os.environ['DATABASE']}?mode=ro", uri=True)
STORE = os.environ["STORE"]
(store_id,) = database.execute("SELECT store_id FROM store WHERE hash = ?", (STORE,)).fetchone()
stores = {hashlib.sha256(os.environ["TOKEN"].encode()).digest(): STORE}


# In the event loop itself, though SQLite holds it up for some microseconds: a plain `def` goes by way of a thread, and costs
# more.
@app.get("/stores/{store}/v3/customers/{customer}/consent")
async def consent(store: str, customer: int, x_auth_token: Annotated[str, Header()] = ""):
    if stores.get(hashlib.sha256(x_auth_token.encode()).digest()) != store:
        raise HTTPException(401)
    row = database.execute(CONSENT, (store_id, customer)).fetchone()
    if row is None:
        raise HTTPException(404)
    created, allow, deny, declared = row
    at = datetime.fromtimestamp((created if declared is None else declared) / 1_000_000, timezone.utc)
    return {
        "allow": (allow or "").split(),
        "deny": (deny or "").split(),
        "updated_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
