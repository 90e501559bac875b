"""Every endpoint failing in every way: all of it is there, or nothing, and the step is named."""

import copy
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from datasets import Dataset
from helpers.local_hub import RAG4RAG, TOKENS, LocalHub
from helpers.local_hub_http import Fail
from helpers.local_hub_store import File
from helpers.publish_runs import TERMS, marked_rows, push, write_run

from distilabel_rag4rag.hub import PublishError, publish

pytestmark = pytest.mark.faults

STEPS = {
    "info": "looking at the repository",
    "head": "reading what is there",
    "download": "reading what is there",
    "validate": "having the card checked",
    "create": "making the repository",
    "branch": "making the branch",
    "preupload": "uploading the files",
    "batch": "uploading the files",
    "put": "uploading the files",
    "verify": "uploading the files",
    "commit": "committing",
}
FAULTS = (401, 403, 409, 412, 429, 500, 503, "drop")
TEXT = {401: "token", 403: "write", 409: "409", 412: "412", 429: "slow down", 500: "500"}
TEXT |= {503: "503", "drop": "connection"}

OLD, NEW = [{"question": "Who?"}], [{"question": "Who?"}, {"question": "What?"}]
CASES = [
    (endpoint, fault, age)
    for endpoint in STEPS
    for fault in FAULTS
    for age in ("old", "new")
    # what is asked only of a repository that is there, or only of one that is not
    if not (age == "new" and endpoint in ("head", "download", "branch"))
    and not (age == "old" and endpoint == "create")
]


#: Its card lies in the clients' cache, has changed since, and cannot be asked for.
STALE = "ann/f-head-500-stale"


def name_of(case: tuple[str, int | str, str]) -> str:
    return f"ann/f-{'-'.join(map(str, case))}"


def push_all(names: list[str], rows: list[dict]) -> dict[str, tuple[str, str] | None]:
    """Publishes to all at once; per repository the step and message of its failure."""
    data = Dataset.from_list(rows)

    def one(name: str) -> tuple[str, str] | None:
        revision = "v2" if "-branch-" in name else None
        try:
            publish(data, name, revision=revision, **TERMS)
        except PublishError as error:
            return error.step, str(error)
        return None

    with ThreadPoolExecutor(len(names)) as pool:  # most of the time they wait before a retry
        return dict(zip(names, pool.map(one, names), strict=True))


@pytest.fixture(scope="module")
def outcome(local_hub: LocalHub) -> dict[str, tuple[str, str] | None]:
    """What every fault led to."""
    local_hub.call(push_all, ["ann/model"], OLD)
    for case in CASES:
        if case[2] == "old":
            local_hub.repos[name_of(case)] = copy.deepcopy(local_hub.repos["ann/model"])
        local_hub.fail(case[0], case[1], repo=name_of(case))
    repo = local_hub.repos[STALE] = copy.deepcopy(local_hub.repos["ann/model"])
    local_hub.call(download_card, STALE)
    there = repo.commits[repo.branches["main"]]
    text = there["README.md"].data.replace(b"# model\n", b"# Mine\n")
    repo.commit("main", {**there, "README.md": File(text, False)}, "by hand")
    local_hub.fail("head", 500, repo=STALE)
    try:
        return local_hub.call(push_all, [*map(name_of, CASES), STALE], NEW)
    finally:
        local_hub.rules.clear()


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_failed_publication_leaves_everything_as_it_was(
    local_hub: LocalHub, outcome: dict, case: tuple[str, int | str, str]
) -> None:
    endpoint, fault, age = case
    failed = outcome[name_of(case)]
    assert failed is not None
    step, message = failed
    assert step == STEPS[endpoint]
    assert message.startswith(f"While {step}: ")
    assert TEXT[fault] in message
    repo = local_hub.repos.get(name_of(case))
    if age == "old":
        assert repo is not None
        assert {repo.branches[branch] for branch in repo.branches} == {repo.branches["main"]}
        assert repo.files() == local_hub.repos["ann/model"].files()
        assert len(repo.commits) == 2
    elif repo is not None:  # made before the fault: empty, and said so
        assert list(repo.files()) == [".gitattributes"]
        assert "still empty" in message
    else:
        assert "Nothing was sent." in message


def test_publishing_again_works_after_every_fault(local_hub: LocalHub, outcome: dict) -> None:
    names = [name for name in outcome if "-branch-" not in name and name != STALE]
    assert set(local_hub.call(push_all, names, NEW).values()) == {None}
    local_hub.call(push_all, ["ann/whole"], NEW)
    whole = local_hub.repos["ann/whole"].files()
    for name in names:
        found = local_hub.repos[name].files()
        assert {n: d for n, d in found.items() if n != "README.md"} == {
            n: d for n, d in whole.items() if n != "README.md"
        }
        assert found["README.md"].count(name.encode()) == whole["README.md"].count(b"ann/whole")


def test_what_fails_for_a_moment_is_tried_again(local_hub: LocalHub) -> None:
    for endpoint in ("preupload", "batch", "put", "verify"):
        local_hub.fail(endpoint, 503, repo="ann/moment", times=1)
    assert local_hub.call(push_all, ["ann/moment"], NEW) == {"ann/moment": None}
    assert "default/train-00000-of-00001.parquet" in local_hub.repos["ann/moment"].files()
    local_hub.rules.clear()


def test_a_commit_whose_answer_got_lost_was_made(local_hub: LocalHub) -> None:
    local_hub.fail("commit", "lost", repo="ann/lost")
    assert local_hub.call(push_all, ["ann/lost"], NEW) == {"ann/lost": None}
    assert len(local_hub.repos["ann/lost"].commits) == 2
    local_hub.rules.clear()


def test_somebody_elses_commit_is_not_taken_for_a_lost_one(local_hub: LocalHub) -> None:
    """The same number of rows, so that only contents tell the two apart."""
    local_hub.call(push_all, ["ann/foreign"], OLD)
    repo = local_hub.repos["ann/foreign"]

    def foreign() -> None:
        there = repo.commits[repo.branches["main"]]
        text = there["README.md"].data + b"theirs"
        repo.commit("main", {**there, "README.md": File(text, False)}, "theirs")
        raise Fail(500, "by rule")

    local_hub.fail("commit", foreign, repo="ann/foreign")
    [failed] = local_hub.call(push_all, ["ann/foreign"], [{"question": "Where?"}]).values()
    local_hub.rules.clear()
    assert failed is not None
    assert failed[0] == "committing"
    assert "fault of its own (500)" in failed[1]
    assert repo.messages[-1] == "theirs"


@pytest.mark.parametrize("text", ["[]", '{"files": ["README.md"], "configs": 5}', "{"])
def test_a_list_that_is_none_of_ours_stops_it(local_hub: LocalHub, text: str) -> None:
    local_hub.call(push_all, ["ann/listed"], OLD)
    repo = local_hub.repos["ann/listed"]
    there = repo.commits[repo.branches["main"]]
    repo.commit("main", {**there, "rag4rag.json": File(text.encode(), False)}, "by hand")
    [failed] = local_hub.call(push_all, ["ann/listed"], NEW).values()
    repo.commit("main", there, "and back")
    assert failed is not None
    assert "is not the list that `rag4rag publish` writes" in failed[1]


def test_a_hub_that_goes_silent_after_the_commit_is_told_so(local_hub: LocalHub) -> None:
    silence = partial(local_hub.fail, "info", "drop", repo="ann/silent")
    local_hub.fail("preupload", silence, repo="ann/silent", times=1)
    local_hub.fail("commit", "lost", repo="ann/silent")
    [failed] = local_hub.call(push_all, ["ann/silent"], NEW).values()
    assert failed[0] == "committing"
    assert "All of it is there, or nothing: publish again" in failed[1]
    local_hub.rules.clear()
    assert local_hub.call(push_all, ["ann/silent"], NEW) == {"ann/silent": None}
    assert len(local_hub.repos["ann/silent"].commits) == 2


def test_somebody_elses_commit_in_between_is_noticed(local_hub: LocalHub) -> None:
    local_hub.call(push_all, ["ann/race"], OLD)
    repo = local_hub.repos["ann/race"]

    def race() -> None:
        there = repo.commits[repo.branches["main"]]
        repo.commit("main", {**there, "new.txt": File(b"theirs", False)}, "theirs")

    local_hub.fail("preupload", race, repo="ann/race", times=1)
    [failed] = local_hub.call(push_all, ["ann/race"], NEW).values()
    local_hub.rules.clear()
    assert failed[0] == "committing"
    assert "another user changed 'ann/race' meanwhile" in failed[1]
    assert repo.messages[-1] == "theirs"
    assert local_hub.call(push_all, ["ann/race"], NEW) == {"ann/race": None}
    assert repo.files()["new.txt"] == b"theirs"


def test_a_cached_old_card_does_not_come_back(local_hub: LocalHub, outcome: dict) -> None:
    """Where the Hub fails, distilabel's push takes the cached card; ours stops, then is right."""
    assert outcome[STALE] is not None
    assert outcome[STALE][0] == "reading what is there"
    assert local_hub.call(push_all, [STALE], NEW) == {STALE: None}
    card = local_hub.repos[STALE].files()["README.md"].decode()
    assert "# Mine\n" in card
    assert "num_examples: 2" in card


def download_card(repo_id: str) -> None:
    """Into the clients' cache."""
    from huggingface_hub import hf_hub_download

    for name in ("README.md", "rag4rag.json"):
        hf_hub_download(repo_id, name, repo_type="dataset")


def test_a_gitignore_that_would_leave_files_out_stops_the_push(local_hub: LocalHub) -> None:
    local_hub.ignored.add("rag4rag.json")
    try:
        [failed] = local_hub.call(push_all, ["ann/ignored"], NEW).values()
    finally:
        local_hub.ignored.clear()
    assert failed[0] == "uploading the files"
    assert ".gitignore leaves out rag4rag.json" in failed[1]


@pytest.mark.parametrize(
    ("repo", "token", "message"),
    [
        ("ann/none", "", "found no token; nothing was sent. Log in with `hf auth login`"),
        ("ann/broken", "hf_x\ny z", "a token with characters that none has"),
        ("ann/wrong", "hf_" + "X" * 34, "the Hub does not accept the token (401)"),
        ("ann/read", TOKENS["eve"], "the token may not write to 'ann' (403)"),
        ("bob/theirs", TOKENS["ann"], "'bob' must be your account or an organisation"),
    ],
)
def test_tokens_and_names_that_may_not_write(
    local_hub: LocalHub, tmp_path: Path, repo: str, token: str, message: str
) -> None:
    with pytest.raises(PublishError, match="While") as failed:
        local_hub.call(push_with_token, token, repo)
    assert message in str(failed.value)
    assert not token or token not in str(failed.value)
    assert repo not in local_hub.repos


def push_with_token(token: str, repo: str) -> None:
    """With another token in the environment."""
    before = os.environ["HF_TOKEN"]
    os.environ["HF_TOKEN"] = token
    try:
        push(Dataset.from_list(NEW), repo)
    finally:
        os.environ["HF_TOKEN"] = before


def test_a_card_that_the_hub_refuses_stops_before_anything_is_made(local_hub: LocalHub) -> None:
    data = {"default": Dataset.from_list(NEW)}
    with pytest.raises(PublishError, match="the card's YAML: license: 'my-own' is not allowed"):
        local_hub.call(push, data, "ann/refused", license="my-own")
    assert "ann/refused" not in local_hub.repos


def test_a_full_disk_is_a_sentence(local_hub: LocalHub, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", marked_rows(12))
    command = f"ulimit -f 8; exec '{RAG4RAG}' publish '{run}' ann/full --license mit"
    done = subprocess.run(
        ["bash", "-c", f"{command} --language en --passages towns"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **local_hub.environment},
    )
    assert done.returncode == 1
    assert "While writing the files: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "ann/full" not in local_hub.repos
