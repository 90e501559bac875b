"""What a worker reports of the rows inside a batch."""

from queue import Queue
from typing import Any

import pytest
from distilabel.pipeline.batch import _Batch
from helpers.fault_steps import Double

from distilabel_rag4rag.runtime import step_wrapper
from distilabel_rag4rag.runtime.step_wrapper import ReportingStepWrapper
from distilabel_rag4rag.utils.progress import report_rows


class ReportsOddly(Double):
    """Reports what an LLM inside a wrapper, and a wrapper around it, may report."""

    def process(self, inputs: Any) -> Any:  # type: ignore[override]
        for done in (0, 1, 3, 2, 3, 99, -1):
            report_rows(done)
        yield inputs


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(pause: float) -> list[int]:
        monkeypatch.setattr(step_wrapper, "REPORT_EVERY_SECONDS", pause)
        queues: dict[str, Queue[Any]] = {
            name: Queue() for name in ("input_queue", "output_queue", "load_queue")
        }
        wrapper = ReportingStepWrapper(step=ReportsOddly(name="odd"), replica=0, **queues)
        wrapper.step_of = {}
        rows = [{"number": n} for n in range(5)]
        queues["input_queue"].put(_Batch(seq_no=7, step_name="odd", last_batch=True, data=[rows]))
        wrapper.run()
        events = list(queues["load_queue"].queue)
        found = [event for event in events if event["status"] == "rows_done"]
        assert all((event["name"], event["batch"]) == ("odd", 7) for event in found)
        return [event["rows"] for event in found]

    return run


def test_reports_grow_and_end_at_the_batchs_rows(reports: Any) -> None:
    assert reports(pause=0.0) == [1, 3, 5]


def test_reports_are_few(reports: Any) -> None:
    assert reports(pause=60.0) == [1]
