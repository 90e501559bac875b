"""The libraries beneath say nothing on the terminal; their errors still arrive as errors."""

import logging
import os
import warnings


def quiet() -> None:
    """Silences logs, warnings and bars of the libraries beneath; errors still arrive as errors.

    The environment, because worker processes inherit it.
    """
    warnings.filterwarnings("ignore")
    for name, value in {
        "DISTILABEL_LOG_LEVEL": "ERROR",
        "TRANSFORMERS_VERBOSITY": "error",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": "ignore",
    }.items():
        os.environ.setdefault(name, value)
    for library in ("distilabel", "transformers", "sentence_transformers", "datasets"):
        logging.getLogger(library).setLevel(logging.ERROR)


def show_log() -> None:
    """Lets the pipelines' own log through."""
    os.environ["DISTILABEL_LOG_LEVEL"] = "INFO"
    logging.getLogger("distilabel").setLevel(logging.INFO)
