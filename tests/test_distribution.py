"""The wheel and the sdist: their metadata, and that the wheel works without the checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

EVERY_NAME = """
import distilabel_rag4rag as package
assert package.__file__.startswith({installed!r}), package.__file__
for name in package.__all__:
    getattr(package, name)
from distilabel_rag4rag.cli import app
app(["--version"])
"""


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_the_metadata_is_what_an_index_takes(files: Path) -> None:
    assert sorted(path.suffix for path in files.iterdir()) == [".gz", ".whl"]
    run(sys.executable, "-m", "twine", "check", "--strict", *files.iterdir())


def test_the_wheel_works_without_the_checkout(files: Path, tmp_path: Path) -> None:
    [wheel] = files.glob("*.whl")
    installed = tmp_path / "installed"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", installed, wheel)
    path = str(installed)
    printed = run(sys.executable, "-c", EVERY_NAME.format(installed=path), PYTHONPATH=path)
    assert printed.startswith("rag4rag ")
    demo = "from distilabel_rag4rag.cli import app; app()"
    out = tmp_path / "out"
    run(sys.executable, "-c", demo, "demo", "--limit", 8, "--out", out, PYTHONPATH=path)
    assert (out / "report.html").exists()
