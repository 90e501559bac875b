"""What the libraries beneath print that tells a user nothing, kept off the terminal."""

import inspect
import logging
import sys
import warnings
from importlib import import_module
from typing import Any

PACKAGE = "distilabel_rag4rag"


def hide_known_noise() -> None:
    """Hide it in this process and in the workers that it starts; everything else is left alone."""
    # Of distilabel's optional runtime parameters, many times in each script.
    warnings.filterwarnings(
        "ignore",
        message="The 'default' attribute with value None was provided to the `Field",
        module=r"pydantic\._internal\._generate_schema",
    )
    _use_plain_tracebacks()
    if logging.lastResort is not None:  # prints warnings where a script has set up no logging
        logging.lastResort.addFilter(_is_not_about_lone_step)
    previous = sys.unraisablehook

    def unraisable(found: Any) -> None:
        # An LLM of distilabel whose settings were refused cannot be deleted.
        if "AsyncLLM.__del__" not in repr(found.object):
            previous(found)

    sys.unraisablehook = unraisable


def _use_plain_tracebacks() -> None:
    """distilabel installs a hook that prints every local variable, hundreds of lines and keys."""
    before = sys.excepthook
    import_module("distilabel")
    if _prints_locals(sys.excepthook):
        sys.excepthook = sys.__excepthook__ if _prints_locals(before) else before


def _prints_locals(hook: Any) -> bool:
    if getattr(hook, "__module__", "") != "rich.traceback":
        return False
    return bool(inspect.getclosurevars(hook).nonlocals.get("show_locals"))


def _is_not_about_lone_step(record: logging.LogRecord) -> bool:
    """Steps of this package also work outside a pipeline, of which distilabel warns."""
    if "hasn't received a pipeline" not in str(record.msg):
        return True
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "model_post_init":
        frame = frame.f_back
    return frame is None or type(frame.f_locals["self"]).__module__ != PACKAGE
