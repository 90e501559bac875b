"""Steps that fail in a chosen way; importable, because distilabel's workers import them."""

import ctypes
import faulthandler
import hashlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from distilabel.models import Embeddings
from distilabel.steps import GeneratorStep, GlobalStep, Step, StepInput
from pydantic import PrivateAttr

from distilabel_rag4rag.testing import ScriptedLLM
from distilabel_rag4rag.utils.progress import report_rows

if TYPE_CHECKING:
    from distilabel.typing import GeneratorStepOutput, StepOutput


class Unpicklable(Exception):
    """Pickles, but cannot be made again from its pickle, like many clients' errors."""

    def __init__(self, message: str, *, response: str) -> None:
        super().__init__(message)
        self.response = response


def fail(how: str) -> None:
    """Fail, in this process, for real."""
    match how:
        case "raise":
            raise ValueError("a scripted error")
        case "raise_unpicklable":
            raise Unpicklable("the key is wrong", response="401")
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            faulthandler.disable()
            ctypes.string_at(0)
        case "os_exit":
            os._exit(3)
        case "sys_exit":
            sys.exit("a scripted exit")
        case "memory":
            resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
            bytearray(2**40)
        case "stuck":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
        case _:
            assert how == ""


class Numbers(GeneratorStep):
    """Rows 0, 1, … in batches; fails at a row."""

    rows: int = 40
    how: str = ""
    at: int = 20
    forget_last: bool = False

    @property
    def outputs(self) -> list[str]:
        return ["number"]

    def process(self, offset: int = 0) -> "GeneratorStepOutput":
        for start in range(offset, self.rows, self.batch_size):
            numbers = range(start, min(self.rows, start + self.batch_size))
            if self.at in numbers:
                fail(self.how)
            last = numbers.stop == self.rows and not self.forget_last
            yield [{"number": number} for number in numbers], last


class Double(Step):
    """Doubles a number; fails in load or at a row."""

    in_load: str = ""
    how: str = ""
    at: int = 20
    factor: int = 2
    slow: float = 0.0
    child_pid_file: str | None = None

    _lock: Any = PrivateAttr(None)

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    @property
    def outputs(self) -> list[str]:
        return ["double"]

    def load(self) -> None:
        super().load()
        if self.child_pid_file is not None:
            child = subprocess.Popen(["sleep", "600"])
            with open(self.child_pid_file, "w") as file:
                file.write(str(child.pid))
        fail(self.in_load)

    def process(self, inputs: StepInput) -> "StepOutput":
        time.sleep(self.slow)
        for row in inputs:
            if row["number"] == self.at:
                fail(self.how)
            row["double"] = self.factor * row["number"]
        yield inputs


class DoubleOnce(Double):
    """Fails the first time alone: while a file is not there."""

    marker: str = ""

    def process(self, inputs: StepInput) -> "StepOutput":
        if any(row["number"] == self.at for row in inputs) and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            fail(self.how)
        self.at = -1
        yield from super().process(inputs)


class Fails(Step):
    """Raises at each of some numbers; a batch of one row, so that no other row fails with it."""

    numbers: list[int]

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    @property
    def outputs(self) -> list[str]:
        return ["checked"]

    def process(self, inputs: StepInput) -> "StepOutput":
        if any(row["number"] in self.numbers for row in inputs):
            raise ValueError("a scripted error")
        yield [row | {"checked": True} for row in inputs]


class CannotBePickled(Double):
    """Holds a lock, as a client or a model may."""

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: Any = None) -> "CannotBePickled":
        return self  # distilabel copies a step before it is pickled


class DoubleTwice(Double):
    """Yields its batch in two parts."""

    def process(self, inputs: StepInput) -> "StepOutput":
        rows = [row | {"double": 2 * row["number"]} for row in inputs]
        yield rows[:3]
        yield rows[3:]


class Reports(Double):
    """Reports each row as it is done, as an LLM does that takes long for one."""

    def process(self, inputs: StepInput) -> "StepOutput":
        for done, row in enumerate(inputs, 1):
            time.sleep(self.slow)
            row["double"] = 2 * row["number"]
            report_rows(done)
        yield inputs


class NotesTimes(Step):
    """Notes down when a row came."""

    @property
    def outputs(self) -> list[str]:
        return ["time"]

    def process(self, inputs: StepInput) -> "StepOutput":
        yield [row | {"time": time.monotonic()} for row in inputs]


class Slowest(Double):
    """The first batch takes longest, so that replicas finish out of order."""

    def process(self, inputs: StepInput) -> "StepOutput":
        time.sleep(0.5 if inputs[0]["number"] == 0 else 0.0)
        yield from super().process(inputs)


class Sum(GlobalStep):
    """The sum of all numbers in every row; fails."""

    how: str = ""

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    @property
    def outputs(self) -> list[str]:
        return ["sum"]

    def process(self, inputs: StepInput) -> "StepOutput":
        fail(self.how)
        total = sum(row["number"] for row in inputs)
        yield [row | {"sum": total} for row in inputs]


class Below(Step):
    """Keeps the numbers below a limit."""

    limit: int = 0

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    def process(self, inputs: StepInput) -> "StepOutput":
        yield [row for row in inputs if row["number"] < self.limit]


class Joined(Step):
    """The rows of several steps, one after the other."""

    def process(self, *inputs: StepInput) -> "StepOutput":
        yield [row for rows in inputs for row in rows]


class Together(Step):
    """The rows of several steps, side by side."""

    @property
    def outputs(self) -> list[str]:
        return ["from"]

    def process(self, *inputs: StepInput) -> "StepOutput":
        yield [
            {key: value for row in rows for key, value in row.items()} | {"from": len(rows)}
            for rows in zip(*inputs, strict=True)
        ]


class Odd(Step):
    """Keeps the odd numbers."""

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    def process(self, inputs: StepInput) -> "StepOutput":
        yield [row for row in inputs if row["number"] % 2]


class LoadsInTurns(Double):
    """Only the first replica loads at once; the others take a second."""

    folder: str

    def load(self) -> None:
        super().load()
        try:
            os.mkdir(os.path.join(self.folder, "first"))
        except FileExistsError:
            time.sleep(1)


class Oddities(Step):
    """Gives each row a value of a scripted list, so that batches disagree about its type."""

    kind: str

    @property
    def inputs(self) -> list[str]:
        return ["number"]

    @property
    def outputs(self) -> list[str]:
        return ["value"]

    def process(self, inputs: StepInput) -> "StepOutput":
        for row in inputs:
            late = row["number"] >= 60
            match self.kind:
                case "none_then_text":
                    row["value"] = "text" if late else None
                case "empty_then_dicts":
                    row["value"] = [{"k": 1}] if late else []
                case "int_then_float":
                    row["value"] = 0.5 if late else 1
                case "empty_dict":
                    row["value"] = {}
                case "late_key":
                    row["value"] = {"a": 1} | ({"b": 2} if late else {})
                case "surrogate":
                    row["value"] = "\ud800\x00" if late else "x"
                case "set":
                    row["value"] = {row["number"]}
                case "text_then_int":
                    row["value"] = 1 if late else "x"
        yield inputs


class HashLLM(ScriptedLLM):
    """Replies with a hash of the last message; with `how`, fails at a text in it."""

    how: str = ""
    at: str = "question 10"
    does_not_shape_replies: ClassVar = ("how", "at", "delay", "history_path")

    def reply(self, text: str) -> str | None:
        if text.endswith(self.at):
            fail(self.how)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class OnceLLM(HashLLM):
    """At a text in a message, kills the process of its shard; while a file is not there."""

    marker: str
    does_not_shape_replies: ClassVar = (*HashLLM.does_not_shape_replies, "marker")

    def reply(self, text: str) -> str | None:
        if text.endswith(self.at) and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return super().reply(text)


class BatchLLM(ScriptedLLM):
    """Remembers how many inputs each call had."""

    default: str | None = "Yes."
    _calls: list[int] = PrivateAttr(default_factory=list)

    @property
    def calls(self) -> list[int]:
        return self._calls

    def generate(  # type: ignore[override]
        self, inputs: list[Any], num_generations: int = 1
    ) -> list[Any]:
        self._calls.append(len(inputs))
        return super().generate(inputs, num_generations)


class FormLLM(ScriptedLLM):
    """Gives an output of any form; its own `folder` and `timeout` are settings like any other."""

    outputs: Any = None
    folder: str | None = None
    timeout: int = 1

    def generate(  # type: ignore[override]
        self, inputs: list[Any], num_generations: int = 1
    ) -> Any:
        return self.outputs


class HashEmbeddings(Embeddings):
    """Unit vectors from a hash of the text."""

    @property
    def model_name(self) -> str:
        return "hash"

    def encode(self, inputs: list[str]) -> list[list[float]]:
        seeds = [
            int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16)
            for text in inputs
        ]
        vectors = [np.random.default_rng(seed).normal(size=16) for seed in seeds]
        return [(vector / np.linalg.norm(vector)).tolist() for vector in vectors]
