"""How long a comparison of 100,000 rows takes, and how large its page is.

python benchmarks/large_comparison.py --rows 100000
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from distilabel_rag4rag.comparison import compare
from distilabel_rag4rag.report import write_report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.comparison_rows import make_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    rows = make_rows(-(-parser.parse_args().rows // 9))  # three questions and arms per passage
    start, cpu = time.time(), time.process_time()
    comparison = compare(rows)
    compared = time.time()
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(comparison, folder)[0].stat().st_size
    print(
        f"{len(rows):,} rows: compare {compared - start:.1f} s, report "
        f"{time.time() - compared:.1f} s (CPU {time.process_time() - cpu:.1f} s), "
        f"report.html {page / 1e6:.2f} MB, "
        f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB"
    )


if __name__ == "__main__":
    main()
