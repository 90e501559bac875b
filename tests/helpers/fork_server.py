"""Processes that begin with everything imported: forks of one that has computed nothing.

Importing torch, transformers and distilabel takes eight seconds, and many tests need a process of
their own. Here it is taken once: `python -m helpers.fork_server` imports them, waits, and forks for
each program and function. The fork ends as any other program does, with its exit handlers, or by
the signal that ends it.

What differs from a new process: variables that libraries read while they are imported must be
those of the server, and a traceback begins with frames of this module. Tests of imports, of noise
and of tracebacks start processes of their own.
"""

import atexit
import gc
import os
import pickle
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

_MODULES = (
    "faiss",
    "openai",
    "lettucedetect.detectors.transformer",
    "sentence_transformers",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "distilabel.cli.app",
    "distilabel_rag4rag.cli.app",
    "distilabel_rag4rag.cli.console",
    "distilabel_rag4rag.experiment.build_dataset",
    "distilabel_rag4rag.experiment.experiment",
    "distilabel_rag4rag.steps.judging.detectors.batch_detector",
)
#: Read by libraries while they are imported.
_READ_AT_IMPORT = {"HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "PYTHONPATH"}
#: As the command line sets them before its imports.
_NO_BARS = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}


class Program:
    """A process that runs, or has ended.

    Attributes:
        pid: of the process.
    """

    def __init__(self, ask: Callable[[Any], int], request: dict[str, Any]) -> None:
        self._ask = ask
        self._folder = Path(request["out"])
        self.pid = ask(request)
        self._descriptor = os.pidfd_open(self.pid)
        self._code: int | None = None

    def output(self, name: str) -> str:
        """What it has printed to `stdout` or `stderr`."""
        return (self._folder / name).read_text("utf-8", "replace")

    def send_signal(self, number: int) -> None:
        """Sends a signal; nothing where the process has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.wait(0) if self._code is None and self._has_ended(0) else self._code

    def wait(self, timeout: float = 280) -> int:
        """The exit code, once it has ended; what takes longer is killed."""
        if self._code is None:
            ended = self._has_ended(timeout)
            if not ended:
                self.send_signal(signal.SIGKILL)
            os.close(self._descriptor)
            self._code = self._ask(self.pid)
            if not ended:
                raise subprocess.TimeoutExpired(self.output("stderr")[-2000:], timeout)
        return self._code

    def _has_ended(self, timeout: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(1000 * timeout))


class ForkServer:
    """A process that is forked for programs and functions; it starts with the first of them."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Leaves the environment as it is, but for what is given."""
        self._own = dict(environment or {})
        self._connection: Connection[Any, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_with: dict[str, str] = {}

    def start(
        self,
        *arguments: Any,
        out: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        """A script, or `-m` and a module, with its arguments; `out` takes what it prints."""
        return self._start(out, arguments=list(map(str, arguments)), cwd=cwd, env=env)

    def run(self, *arguments: Any, timeout: float = 280, **settings: Any) -> Any:
        """As `subprocess.run([sys.executable, *arguments])` with the output as text."""
        with tempfile.TemporaryDirectory(prefix="program-") as out:
            program = self.start(*arguments, out=Path(out), **settings)
            code = program.wait(timeout)
            printed = (program.output("stdout"), program.output("stderr"))
        return subprocess.CompletedProcess(arguments, code, *printed)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the function returns or raises."""
        with tempfile.TemporaryDirectory(prefix="program-") as out:
            program = self._start(Path(out), call=pickle.dumps((function, args)))
            code = program.wait()
            try:
                returned, value = pickle.loads((Path(out) / "result").read_bytes())
            except FileNotFoundError:
                raise RuntimeError(f"exit code {code}: {program.output('stderr')}") from None
        if not returned:
            raise value
        return value

    def ready(self) -> None:
        """Starts the process, where it does not run yet, and waits for its imports."""
        if self._connection is None:
            self._started_with = {**os.environ, **self._own, **_NO_BARS}
            self._process, self._connection = _begin(self._started_with)
            atexit.register(self.close)
            self._ask(None)

    def close(self) -> None:
        """Ends the process; so does the end of this one."""
        if self._connection is not None and self._process is not None:
            self._connection.close()
            self._connection = None
            self._process.wait()

    def _start(
        self,
        out: Path,
        *,
        arguments: list[str] | None = None,
        call: bytes = b"",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Program:
        environment = {**(os.environ if env is None else env), **self._own}
        self.ready()
        for name in _READ_AT_IMPORT:
            if environment.get(name) != self._started_with.get(name):
                raise ValueError(f"{name} must be that of the server: {environment.get(name)!r}")
        request = {
            "arguments": arguments,
            "call": call,
            "cwd": str(cwd or Path.cwd()),
            "environment": environment,
            "path": sys.path,
            "out": str(out),
        }
        return Program(self._ask, request)

    def _ask(self, request: Any) -> int:
        """What the server says to a request; one that is not waited for is the server's last."""
        assert self._connection is not None, "the server has ended"
        try:
            self._connection.send(request)
            return int(self._connection.recv())
        except BaseException:  # of a test's time limit, too
            if self._process is not None:
                self._process.kill()
            self.close()
            raise


def _begin(
    environment: dict[str, str],
) -> "tuple[subprocess.Popen[bytes], Connection[Any, Any]]":
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "helpers.fork_server", str(theirs.fileno())],
        env=environment,
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    return process, ours


# --- in the server and its forks -----------------------------------------------------------------


def _serve(descriptor: int) -> dict[str, Any] | None:
    """What this process is to do, in a fork; None at the end of the server."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection: Connection[Any, Any] = Connection(descriptor)
    for module in _MODULES:
        import_module(module)
    gc.freeze()
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return None
        if request is None:
            connection.send(0)
        elif isinstance(request, int):
            connection.send(os.waitstatus_to_exitcode(os.waitpid(request, 0)[1]))
        elif pid := os.fork():
            connection.send(pid)
        else:
            connection.close()
            signal.signal(signal.SIGINT, signal.default_int_handler)
            return request


def _become(request: dict[str, Any]) -> None:
    import numpy

    numpy.random.seed()  # all forks would draw the same
    out = Path(request["out"])
    for stream, name in ((sys.stdout, "stdout"), (sys.stderr, "stderr")):
        with (out / name).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    if request["arguments"] is None:
        sys.path[:] = request["path"]
        (out / "result").write_bytes(_result(request["call"]))
    else:
        _run(*request["arguments"])


def _result(call: bytes) -> bytes:
    try:
        function, args = pickle.loads(call)
        return pickle.dumps((True, function(*args)))
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            pickle.loads(found := pickle.dumps((False, error)))
        except Exception:  # of an error that cannot travel, its text
            found = pickle.dumps((False, RuntimeError(traceback.format_exc())))
        return found


def _run(program: str, *arguments: str) -> None:
    if program == "-m":
        sys.argv = list(arguments)
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        return
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).resolve().parent)
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__file__ = program
    exec(compile(Path(program).read_bytes(), program, "exec"), main.__dict__)


if __name__ == "__main__":
    server_module = sys.modules["__main__"]  # its functions live on where a program takes its name
    if (to_do := _serve(int(sys.argv[1]))) is not None:
        _become(to_do)
