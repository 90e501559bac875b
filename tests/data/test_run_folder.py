"""The files of a run that an earlier version wrote."""

import json
from pathlib import Path

from distilabel_rag4rag.data.run_folder import RunFolder

OLD = {
    "arms": {"zero_shot": {"rows": 3}, "published": {"rows": 3}},
    "pairs": {"zero_shot_vs_published": {"a": "zero_shot", "b": "published"}},
    "thresholds": {"rates": {"published": [0.5]}, "scores": {"published": [1]}},
    "slices": {"published": [{"name": "published"}]},
    "notes": ["published: not an arm that was run", "x: as published", "published"],
    "settings": {"threshold": 0.5},
}


def test_the_computed_arm_has_the_name_of_today(tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(json.dumps(OLD))
    assert RunFolder(tmp_path).summary() == {
        "arms": {"zero_shot": {"rows": 3}, "repaired": {"rows": 3}},
        "pairs": {"zero_shot_vs_repaired": {"a": "zero_shot", "b": "repaired"}},
        "thresholds": {"rates": {"repaired": [0.5]}, "scores": {"repaired": [1]}},
        "slices": {"published": [{"name": "published"}]},  # a column and a title of the user's
        "notes": ["repaired: not an arm that was run", "x: as published", "repaired"],
        "settings": {"threshold": 0.5},
    }
