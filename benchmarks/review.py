"""Time and memory of a review: 5,000 records pushed, answered, pushed again and pulled.

    .venv/bin/python benchmarks/review.py [RECORDS]

The server is the tests' (SQLite, this machine), so the seconds hold its own work too; the memory
is that of this process alone.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from helpers.comparison_rows import make_rows
from helpers.review_server.server import WORKSPACE, running_server

from distilabel_rag4rag.review.connect import connect, find_workspace, get_dataset
from distilabel_rag4rag.review.pull import pull
from distilabel_rag4rag.review.push import push
from distilabel_rag4rag.review.server_records import read_records


def main(records: int) -> None:
    """Prints seconds and peak memory per stage."""
    server = running_server()
    client = connect(server.url, server.key("olga"))
    rows = make_rows(records * 12 // 100)  # nine rows a passage, most of them judged
    where: dict[str, Any] = {"client": client, "dataset": "benchmark", "workspace": WORKSPACE}
    print(f"{len(rows)} rows; peak memory before the first push {_megabytes()} MB")
    done = timed(f"push {records} records", lambda: push(rows, n=records, **where))
    assert done.created == records, done
    done = timed("push them again", lambda: push(rows, n=records, **where))
    assert (done.created, done.updated) == (0, records), done
    found = timed("pull, nothing answered", lambda: pull(rows, **where))
    assert found.records == records
    dataset = get_dataset(client, find_workspace(client, WORKSPACE), "benchmark")
    ids = [record["id"] for record in read_records(client, dataset)][: records // 5]

    def answer(record: str) -> None:
        for user in ("ann", "bob"):
            server.answer(user, record, {"verdict": "supported", "spans": []})

    with ThreadPoolExecutor(4) as pool:
        timed(f"{2 * len(ids)} responses, one by one", lambda: list(pool.map(answer, ids)))
    found = timed("pull", lambda: pull(rows, **where))
    assert len(found.responses) == 2 * len(ids)


def timed(what: str, work: Callable[[], Any]) -> Any:
    """The result of the work; prints how long it took and the peak memory so far."""
    started, cpu = time.monotonic(), time.process_time()
    result = work()
    took, own = time.monotonic() - started, time.process_time() - cpu
    print(f"{what}: {took:.1f} s ({own:.1f} s CPU here), peak {_megabytes()} MB", flush=True)
    return result


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="?", type=int, default=5000)
    main(parser.parse_args().records)
