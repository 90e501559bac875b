"""What the processes of steps say to a store of the driver's."""

import pickle
import threading
import time
from typing import Any

import pytest

from distilabel_rag4rag.runtime.shared_stores import relay


def test_a_store_that_lies_elsewhere() -> None:
    kept: dict[str, Any] = {}
    threads = threading.active_count()

    def answer(store: int, method: str, *arguments: Any) -> Any:
        assert store == 3
        if method == "put":
            time.sleep(0.05)
            kept[arguments[0]] = arguments[1]
            return None
        if "bad" in arguments[0]:
            raise ValueError("a scripted error")
        return {key: kept[key] for key in arguments[0] if key in kept}

    with relay(answer) as store_of:
        store = pickle.loads(pickle.dumps(store_of(3)))
        begin = time.monotonic()
        store.put("a", {"x": 1})
        assert time.monotonic() - begin < 0.05  # it is not waited for
        assert store.get({"a": 0, "b": 0}) == {"a": {"x": 1}}  # but comes first
        with pytest.raises(OSError, match="ValueError: a scripted error"):
            store.get(["bad"])
        store.close()
        assert store.get(["a"]) == {"a": {"x": 1}}
        store.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > threads:
        assert time.monotonic() < deadline
        time.sleep(0.01)
