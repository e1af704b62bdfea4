"""Somebody who is told of events: a web server of Python's own, which keeps what it got to the byte."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Listens on this machine, and takes everything."""

    def __init__(self):
        heard = self.heard = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                heard.append((self.path, dict(self.headers.items()), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def of(self, customer, path="/"):
        """The headers and bodies that told this path of a customer."""
        told = [(headers, body) for at, headers, body in list(self.heard) if at == path]
        return [(headers, body) for headers, body in told if json.loads(body)["data"]["id"] == customer.id]

    def wait(self, customer, path="/", count=1):
        """The same, once there are so many."""
        until = time.monotonic() + 15
        while len(self.of(customer, path)) < count:
            assert time.monotonic() < until, f"{len(self.of(customer, path))} of {count} at {path}"
            time.sleep(0.01)
        return self.of(customer, path)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def key(client_secret):
    """What a Standard Webhooks library takes for a key: Base64 of the secret's bytes."""
    return base64.b64encode(client_secret.encode()).decode()
