"""The Hub's endpoints for data sets, from the standard library alone."""

import base64
import hashlib
import io
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from helpers.local_hub_http import Fail, Request, handler
from helpers.local_hub_store import File, Repo

ID, REV = r"(?P<id>[^/]+/[^/]+?)", r"(?P<rev>[^/]+)"
ROUTES = [
    ("info", "GET", rf"/api/datasets/{ID}(/revision/{REV})?"),
    ("create", "POST", r"/api/repos/create"),
    ("branch", "POST", rf"/api/datasets/{ID}/branch/{REV}"),
    ("validate", "POST", r"/api/validate-yaml"),
    ("preupload", "POST", rf"/api/datasets/{ID}/preupload/{REV}"),
    ("batch", "POST", rf"/datasets/{ID}\.git/info/lfs/objects/batch"),
    ("put", "PUT", rf"/lfs/{ID}/(?P<path>\w+)"),
    ("verify", "POST", rf"/lfs/{ID}/verify"),
    ("commit", "POST", rf"/api/datasets/{ID}/commit/{REV}"),
    ("tree", "GET", rf"/api/datasets/{ID}/tree/{REV}(/(?P<path>.*))?"),
    ("paths", "POST", rf"/api/datasets/{ID}/paths-info/{REV}"),
    ("head", "HEAD", rf"/datasets/{ID}/resolve/{REV}/(?P<path>.+)"),
    ("download", "GET", rf"/datasets/{ID}/resolve/{REV}/(?P<path>.+)"),
]
NEEDS_WRITE = ("create", "branch", "preupload", "batch", "commit")
TASKS = {"question-answering", "sentence-similarity", "text-retrieval", "text-generation"}
SIZES = {"n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"}
LICENSES = {"cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "apache-2.0", "mit", "other", "unknown"}


@dataclass
class Rule:
    """What goes wrong: a status, `drop`, `lost` (done, but not said), or a call in between."""

    endpoint: str
    kind: int | str | Callable[[], Any]
    repo: str | None
    times: int | None

    def meets(self, request: Request) -> bool:
        """Whether the request is this rule's; a rule with `times` wears out."""
        there = (request.path + request.body.decode("utf-8", "replace")).replace("\\/", "/")
        name = (self.repo or "").rpartition("/")[2]
        if self.endpoint != request.endpoint or name not in there or self.times == 0:
            return False
        self.times = self.times if self.times is None else self.times - 1
        return True


class Server:
    """The Hub: repositories, requests, rules.

    Attributes:
        repos: id -> repository.
        requests: everything that arrived, in order.
        ignored: file names that a repository's .gitignore would leave out.
    """

    def __init__(self, tokens: dict[str, str]) -> None:
        self.users = {f"Bearer {token}": user for user, token in tokens.items()}
        self.repos: dict[str, Repo] = {}
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.ignored: set[str] = set()
        self.lock = threading.RLock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops."""
        self.http.shutdown()
        self.http.server_close()

    def fail(
        self,
        endpoint: str,
        kind: int | str | Callable[[], Any],
        repo: str | None = None,
        times: int | None = None,
    ) -> None:
        """From now on this endpoint fails."""
        self.rules.append(Rule(endpoint, kind, repo, times))

    def sent(self) -> bytes:
        """Every byte that reached the server, and what base64 and parquet wrap readable."""
        import pyarrow.parquet as pq

        parts = []
        for request in self.requests:
            headers = [v for k, v in request.headers.items() if k.lower() != "authorization"]
            parts += [request.path.encode(), *map(str.encode, headers), request.body]
            for text in re.findall(rb'"(?:content|sample)": ?"([\w+/=]+)"', request.body):
                parts.append(base64.b64decode(text))
            if request.body[:4] == b"PAR1":
                table = pq.read_table(io.BytesIO(request.body))
                parts.append(json.dumps(table.to_pylist(), default=str).encode())
                parts.append(str(table.schema.metadata).encode())
        return b"\n".join(parts)

    def answer(self, request: Request) -> tuple[Any, dict[str, str]]:
        """The answer to a request: JSON data or bytes, and headers.

        Raises:
            Fail: where there is none.
        """
        url = urlsplit(request.path)
        for name, method, pattern in ROUTES:
            match = re.fullmatch(pattern, unquote(url.path))
            if match and method == request.method and request.path.startswith("/"):
                request.endpoint = name
                break
        else:
            raise Fail(404, f"no such endpoint: {request.method} {request.path}")
        rule = next((rule for rule in self.rules if rule.meets(request)), None)
        if rule and callable(rule.kind):
            rule.kind()
        elif rule and rule.kind != "lost":
            raise Fail(rule.kind if isinstance(rule.kind, int) else 0, f"by rule: {rule.kind}")
        asked = {key: value for key, value in match.groupdict().items() if value is not None}
        user = self.users.get(request.headers.get("authorization", ""))
        if name in NEEDS_WRITE:
            owner = _json(request).get("organization") if name == "create" else asked["id"]
            self.may_write(user, str(owner or user).split("/")[0])
        asked |= {key: values[0] for key, values in parse_qs(url.query).items()}
        done = getattr(self, f"_{name}")(request, user, **asked)
        if rule and rule.kind == "lost":
            raise Fail(0, "by rule: lost")
        return done if isinstance(done, tuple) else (done, {})

    def may_write(self, user: str | None, namespace: str) -> None:
        """Whether the user may write there."""
        if user is None:
            raise Fail(401, "Invalid username or password.")
        if user != "ann" or namespace not in ("ann", "lab"):
            raise Fail(403, f"You don't have the rights to write to {namespace}")

    def repo(self, name: str, user: str | None, rev: str = "main") -> tuple[Repo, str]:
        """A repository and the commit that a revision names."""
        repo = self.repos.get(name)
        if repo is None or (repo.private and user != "ann"):
            raise Fail(404 if user else 401, "Repository not found", "RepoNotFound")
        oid = repo.branches.get(rev, rev)
        if oid not in repo.commits:
            raise Fail(404, f"Invalid rev id: {rev}", "RevisionNotFound")
        return repo, oid

    def _info(
        self, request: Request, user: str | None, id: str, rev: str = "main", **_: str
    ) -> Any:
        repo, oid = self.repo(id, user, rev)
        names = [{"rfilename": path} for path in repo.commits[oid]]
        return {"id": id, "sha": oid, "private": repo.private, "siblings": names, "tags": []}

    def _create(self, request: Request, user: str | None) -> Any:
        wish = _json(request)
        name = f"{wish['organization']}/{wish['name']}"
        if name in self.repos:
            raise Fail(409, "You already created this dataset repo")
        repo = self.repos[name] = Repo(wish.get("visibility") == "private")
        repo.commit("main", {".gitattributes": File(b"*.parquet lfs\n", False)}, "initial commit")
        return {"url": f"{self.url}/datasets/{name}"}

    def _branch(self, request: Request, user: str | None, id: str, rev: str) -> Any:
        repo, oid = self.repo(id, user, _json(request).get("startingPoint", "main"))
        if rev in repo.branches:
            raise Fail(409, "Reference already exists")
        repo.branches[rev] = oid
        return {}

    def _validate(self, request: Request, user: str | None) -> Any:
        found = re.match(r"---\n(.*?)\n---", _json(request)["content"], re.DOTALL)
        data = yaml.safe_load(found[1]) if found else {}
        wrong = [
            f"{key}: {value!r} is not allowed"
            for key, known in {
                "license": LICENSES,
                "size_categories": SIZES,
                "task_categories": TASKS,
            }.items()
            for value in _list(data.get(key))
            if value not in known
        ]
        if wrong:
            raise Fail(400, json.dumps([{"message": text} for text in wrong]), "errors")
        return {"errors": [], "warnings": []}

    def _preupload(self, request: Request, user: str | None, id: str, rev: str) -> Any:
        repo, oid = self.repo(id, user, rev)
        there = repo.commits[oid]
        return {
            "files": [
                {
                    "path": path,
                    "uploadMode": "lfs" if path.endswith((".parquet", ".png")) else "regular",
                    "shouldIgnore": path.rpartition("/")[2] in self.ignored,
                    "oid": there[path].oid if path in there else None,
                }
                for path in (file["path"] for file in _json(request)["files"])
            ]
        }

    def _batch(self, request: Request, user: str | None, id: str) -> Any:
        repo, _ = self.repo(id, user)
        objects = []
        for wish in _json(request)["objects"]:
            base, oid = f"{self.url}/lfs/{id}", wish["oid"]
            todo = {"upload": {"href": f"{base}/{oid}"}, "verify": {"href": f"{base}/verify"}}
            objects.append(wish if oid in repo.large else {**wish, "actions": todo})
        return {"transfer": "basic", "objects": objects}

    def _put(self, request: Request, user: str | None, id: str, path: str) -> Any:
        assert hashlib.sha256(request.body).hexdigest() == path
        self.repos[id].large[path] = request.body
        return {}

    def _verify(self, request: Request, user: str | None, id: str) -> Any:
        assert _json(request)["oid"] in self.repos[id].large
        return {}

    def _commit(self, request: Request, user: str | None, id: str, rev: str) -> Any:
        repo, oid = self.repo(id, user, rev)
        files, message = dict(repo.commits[oid]), ""
        for line in map(json.loads, request.body.splitlines()):
            kind, value = line["key"], line["value"]
            if kind == "header":
                message = value["summary"]
                if value.get("parentCommit", oid) != oid:
                    raise Fail(412, "A commit has happened since. Please refresh and try again.")
            elif kind == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif kind == "lfsFile":
                files[value["path"]] = File(repo.large[value["oid"]], True)
            elif kind == "deletedFile":
                del files[value["path"]]
        new = repo.commit(rev, files, message)
        return {
            "success": True,
            "commitOid": new,
            "commitUrl": f"{self.url}/datasets/{id}/commit/{new}",
        }

    def _tree(
        self,
        request: Request,
        user: str | None,
        id: str,
        rev: str,
        path: str = "",
        recursive: str = "false",
        **_: str,
    ) -> Any:
        repo, oid = self.repo(id, user, rev)
        start = f"{path}/" if path else ""
        inside = {n: file for n, file in repo.commits[oid].items() if n.startswith(start)}
        if path and not inside:
            raise Fail(404, f"{path} does not exist", "EntryNotFound")
        deep = recursive.lower() == "true"
        folders = sorted({start + n[len(start) :].split("/")[0] for n in inside} - set(inside))
        return [{"type": "directory", "oid": oid, "size": 0, "path": name} for name in folders] + [
            file.entry(n) for n, file in inside.items() if deep or "/" not in n[len(start) :]
        ]

    def _paths(self, request: Request, user: str | None, id: str, rev: str) -> Any:
        repo, oid = self.repo(id, user, rev)
        form = parse_qs(request.body.decode())
        wanted = form.get("paths", [])
        return [file.entry(n) for n, file in repo.commits[oid].items() if n in wanted]

    def _download(self, request: Request, user: str | None, id: str, rev: str, path: str) -> Any:
        repo, oid = self.repo(id, user, rev)
        file = repo.commits[oid].get(path)
        if file is None:
            raise Fail(404, f"{path} does not exist", f"EntryNotFound {oid}")
        return file.data, {"ETag": f'"{file.oid}"', "X-Repo-Commit": oid}

    _head = _download


def _json(request: Request) -> Any:
    return json.loads(request.body)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
