"""What the local Hub stores: repositories, their commits and the files in them."""

import hashlib
from dataclasses import dataclass, field
from typing import Any


@dataclass
class File:
    """A file of a commit."""

    data: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """As the Hub counts: sha256 of a large file, git's sha1 of another."""
        if self.lfs:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()

    def entry(self, name: str) -> dict[str, Any]:
        """As a listing tells of it."""
        entry = {"type": "file", "oid": self.oid, "size": len(self.data), "path": name}
        large = {"oid": self.oid, "size": len(self.data), "pointerSize": 130}
        return entry | ({"lfs": large} if self.lfs else {})


@dataclass
class Repo:
    """A repository: branches, and what each commit holds."""

    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch: str, files: dict[str, File], message: str) -> str:
        """Adds a commit."""
        seed = f"{branch}{len(self.commits)}{message}".encode()
        oid = hashlib.sha1(seed).hexdigest()
        self.commits[oid], self.branches[branch] = files, oid
        self.messages.append(message)
        return oid

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """path -> content."""
        commit = self.commits[self.branches.get(revision, revision)]
        return {path: file.data for path, file in commit.items()}
