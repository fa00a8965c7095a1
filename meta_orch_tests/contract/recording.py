"""Exchanges with a real server, kept in a file and played back.

A recording holds, for each test, the answers to each of its requests in their order. Played back,
the same request gets the same answers one after the other, and the last one from then on. The times
in them are those of the server, so a test that takes its times from the server alone sends the same
requests again. What does not belong into a repository is masked on the way in: tokens, passwords,
host names and paths.
"""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlencode

from meta_orch_tests.support.loopback import Reply, Request

FOLDER = Path(__file__).parent / "recordings"

_MASKS: Mapping[str, Callable[[str], str]] = {
    "access_token": lambda _: "recorded",
    "password": lambda _: "recorded",
    "file_token": lambda _: "recorded",
    "fileloc": lambda path: f"/dags/{PurePosixPath(path).name}",
    "hostname": lambda host: "worker" if host else host,
    "unixname": lambda _: "airflow",
}

_TOKEN_IN_A_PATH = re.compile("(?<=/api/v1/dagSources/).+")
"""Airflow 2 signs the path of a DAG's file."""
_TEMPORARY = re.compile(r"/tmp/tmp\w+")  # noqa: S108  to be found, not used
_ENVIRONMENT = re.compile(r"/[\w./+-]+?(?=/lib/python\d)")
_ROW = "$row"


class Recording:
    """What a server said in each test.

    A body is kept once, under its digest, and so is each object in a list in it: most rows come
    again in many answers.
    """

    def __init__(
        self,
        tests: dict[str, dict[str, list[list[Any]]]] | None = None,
        bodies: dict[str, Any] | None = None,
    ) -> None:
        self._tests = tests or {}
        self._bodies = bodies or {}

    @classmethod
    @cache
    def load(cls, name: str) -> Recording:
        file = FOLDER / f"{name}.json"
        if not file.exists():
            return cls()
        content = json.loads(file.read_text())
        return cls(content["tests"], content["bodies"])

    def save(self, name: str) -> None:
        FOLDER.mkdir(exist_ok=True)
        sections = {
            "bodies": self._used(),
            "tests": {test: dict(requests) for test, requests in self._tests.items()},
        }
        texts = (f"{json.dumps(name)}: {_by_line(lines)}" for name, lines in sections.items())
        (FOLDER / f"{name}.json").write_text(f"{{{', '.join(texts)}}}\n")

    def _used(self) -> dict[str, Any]:
        """The bodies that a test's answers are made of."""
        used: dict[str, Any] = {}
        wanted = [
            answer[2]
            for requests in self._tests.values()
            for answers in requests.values()
            for answer in answers
        ]
        while wanted:
            digest = wanted.pop()
            if digest not in used:
                used[digest] = self._bodies[digest]
                wanted.extend(_rows_of(used[digest]))
        return used

    def forget(self, test: str) -> None:
        self._tests[test] = defaultdict(list)

    def add(self, test: str, request: Request, reply: Reply) -> None:
        digest = self._keep(self._pack(mask(_read(reply.content))))
        self._tests[test][name_of(request)].append([reply.status, reply.headers["Date"], digest])

    def has(self, test: str) -> bool:
        return test in self._tests

    def answers(self, test: str) -> dict[str, list[Reply]]:
        return {
            request: [
                Reply(self._unpack(digest), status=status, headers={"Date": date})
                for status, date, digest in answers
            ]
            for request, answers in self._tests[test].items()
        }

    def _keep(self, value: Any) -> str:
        digest = sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
        self._bodies[digest] = value
        return digest

    def _pack(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._pack(item) for key, item in value.items()}
        if isinstance(value, list):
            return [
                {_ROW: self._keep(self._pack(item))} if isinstance(item, Mapping) else item
                for item in value
            ]
        return value

    def _unpack(self, digest: str) -> Any:
        """The body as it was; no bytes where there was none."""

        def whole(value: Any) -> Any:
            if isinstance(value, Mapping):
                if _ROW in value:
                    return whole(self._bodies[value[_ROW]])
                return {key: whole(item) for key, item in value.items()}
            return [whole(item) for item in value] if isinstance(value, list) else value

        body = self._bodies[digest]
        return b"" if body is None else whole(body)


def _read(content: bytes) -> Any:
    """JSON; None of a page for people, which only an error is."""
    try:
        return json.loads(content or b"null")
    except ValueError:
        return None


def _rows_of(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if _ROW in value:
            yield value[_ROW]
        for item in value.values():
            yield from _rows_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _rows_of(item)


def _by_line(entries: Mapping[str, Any]) -> str:
    """JSON with an entry on each line, sorted, for diffs that can be read."""
    lines = (
        f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(entries.items())
    )
    return "{\n" + ",\n".join(lines) + "\n}"


class Player:
    """Answers as the server did in one test."""

    def __init__(self, recording: Recording, test: str) -> None:
        self._answers = recording.answers(test)
        self._lock = threading.Lock()
        self.unknown: list[str] = []
        """Requests that the recording does not hold."""

    def answer(self, request: Request) -> Reply:
        name = name_of(request)
        with self._lock:
            answers = self._answers.get(name)
            if answers is None:
                self.unknown.append(name)
                return Reply({"detail": f"not recorded: {name}"}, status=500)
            return answers.pop(0) if len(answers) > 1 else answers[0]


class Recorder:
    """Stands between a test and a real server, and notes what passes."""

    def __init__(self, server_url: str, recording: Recording, test: str) -> None:
        self._server_url = server_url
        self._recording = recording
        self._test = test
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Reply:
        reply = self._forward(request)
        with self._lock:
            self._recording.add(self._test, request, reply)
        return reply

    def _forward(self, request: Request) -> Reply:
        forwarded = urllib.request.Request(  # noqa: S310  the URL is that of the server under test
            f"{self._server_url}{request.path}?{urlencode(request.query)}",
            method=request.method,
            data=None if request.body is None else json.dumps(request.body).encode(),
            headers={
                name: value
                for name, value in request.headers.items()
                if name in {"authorization", "content-type", "accept"}
            },
        )
        try:
            with urllib.request.urlopen(forwarded, timeout=150) as answer:  # noqa: S310
                return Reply(answer.read(), answer.status, {"Date": answer.headers["Date"]})
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.read(), error.code, {"Date": error.headers["Date"]})


def name_of(request: Request) -> str:
    """Names a request by all that its answer may depend on; whose token it was does not matter."""
    path = _TOKEN_IN_A_PATH.sub("recorded", request.path)
    query = f"?{urlencode(sorted(request.query))}" if request.query else ""
    body = "" if request.body is None else f" {json.dumps(mask(request.body), sort_keys=True)}"
    return f"{request.method} {path}{query}{body}"


def mask(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: mask(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [mask(item) for item in value]
    if isinstance(value, str):
        mask_text = _MASKS.get(name, _without_places)
        return mask_text(value)
    return value


def _without_places(text: str) -> str:
    """Logs are full of the paths of the machine that it was recorded on."""
    text = _ENVIRONMENT.sub("/airflow", text)
    return _TEMPORARY.sub("/tmp", text.replace(str(Path.home()), "/home/airflow"))  # noqa: S108
