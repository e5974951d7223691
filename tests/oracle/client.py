"""A small HTTP client: one kept-alive connection, JSON in and out, nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Answer:
    """Status, content type without parameters, and the decoded body (None if it is not JSON)."""

    status: int
    content_type: str
    body: object
    text: str


class Client:
    """Talks to one server. A connection that the server closed meanwhile is opened again once."""

    def __init__(self, url: str, timeout: float = 60.0):
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise SystemExit(f"--url: {url!r} is not like http://127.0.0.1:8080")
        self._address = (parts.hostname, parts.port or 80)
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, path: str, body: object) -> Answer:
        return self.send("POST", path, json.dumps(body).encode())

    def get(self, path: str) -> Answer:
        return self.send("GET", path, None)

    def send(self, method: str, path: str, body: bytes | None, content_type: str = "application/json") -> Answer:
        headers = {"content-type": content_type} if body is not None else {}
        for fresh in (False, True):
            if self._connection is None:
                fresh = True
                self._connection = http.client.HTTPConnection(*self._address, timeout=self._timeout)
            try:
                try:
                    self._connection.request(method, path, body, headers)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # a server may refuse a long body before it has read it: the answer may be there
                response = self._connection.getresponse()
                text = response.read().decode("utf-8", "replace")
                break
            except (http.client.HTTPException, ConnectionError):
                self.close()
                if fresh:
                    raise
        if response.will_close:
            self.close()
        try:
            decoded = json.loads(text)
        except ValueError:
            decoded = None
        kind = (response.headers.get("content-type") or "").split(";")[0].strip().lower()
        return Answer(response.status, kind, decoded, text)


class Tally:
    """Counts checks, prints failures (the first few in full) and the closing line."""

    def __init__(self, shown: int = 20):
        self.passed = 0
        self.failed = 0
        self._shown = shown

    def record(self, name: str, problems: list[str]) -> bool:
        """Counts one check; `problems` is empty when it passed."""
        if not problems:
            self.passed += 1
            return True
        self.failed += 1
        if self.failed <= self._shown:
            print(f"FAILED {name}")
            for problem in problems[:5]:
                print(f"    {problem}")
            if len(problems) > 5:
                print(f"    and {len(problems) - 5} more")
        elif self.failed == self._shown + 1:
            print("further failures are only counted")
        return False

    def close(self) -> int:
        """Prints `N passed, N failed` and gives the exit code."""
        if self.passed + self.failed == 0:
            self.record("the run", ["nothing was checked"])
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0
