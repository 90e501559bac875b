"""The server's own virtual environment, made once; `make argilla-server` and the fixture use it.

Run by any Python: it imports nothing but the standard library.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / ".venv-argilla"
REQUIREMENTS = HERE / "requirements.txt"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / ".installed"


def ensure() -> Path:
    """The environment's Python; the environment is made anew where its requirements changed."""
    wanted = REQUIREMENTS.read_text("utf-8")
    if STAMP.is_file() and STAMP.read_text("utf-8") == wanted:
        return PYTHON
    print(f"Making {FOLDER} for the Argilla server (about a minute) ...", file=sys.stderr)
    venv.create(FOLDER, clear=True, with_pip=True)
    (FOLDER / ".gitignore").write_text("*\n")
    uv = shutil.which("uv")
    install = (
        [uv, "pip", "install", "--quiet", "--python", str(PYTHON)]
        if uv
        else [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True, stdout=sys.stderr)
    STAMP.write_text(wanted, "utf-8")
    return PYTHON


if __name__ == "__main__":
    print(ensure())
