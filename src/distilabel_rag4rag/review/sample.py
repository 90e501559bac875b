"""A seeded sample of answers, with the weights by which rates are estimated from it."""

from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from distilabel_rag4rag.errors import ConfigError

Design: TypeAlias = Literal["stratified", "uncertainty", "disagreements", "all"]
DEFAULT_DESIGN: Design = "stratified"
DESIGNS: tuple[str, ...] = get_args(Design)


def sample_rows(
    table: pd.DataFrame,
    design: str = DEFAULT_DESIGN,
    *,
    n: int = 200,
    seed: int = 0,
    threshold: float = 0.5,
    random_share: float = 0.25,
) -> pd.DataFrame:
    """Draw a sample; the same rows and seed give the same one, in any order of the rows.

    Every design is a stratified random sample: within a stratum each row has the same chance,
    and its `weight` is one over that chance (rows in the stratum / rows drawn from it). A larger
    `n` draws more rows from the same order.

    Args:
        table: rows with `arm`, `id` and `score` (NaN: not judged).
        design: `stratified` takes as many from each arm's clean, faint and flagged answers, as
            far as there are; `uncertainty` takes those whose score is nearest the threshold;
            `disagreements` takes answers to questions of which one arm was flagged and another
            not; `all` takes every row, also those that were not judged.
        n: so many rows; fewer if there are fewer.
        seed: of the draw.
        threshold: the score from which an answer is flagged.
        random_share: of `n`, for `uncertainty` and `disagreements`: a random sample of all other
            rows, without which no rate can be estimated. With 0 the weights are NaN.

    Returns:
        The drawn rows in the order of their draw, with `stratum` and `weight`; in their
        `attrs["without_chance"]` the strata of which `n` left none to draw, and their rows. Then
        the weights are NaN too.

    Raises:
        ConfigError: if a setting or the rows cannot be used.
    """
    if design not in DESIGNS:
        raise ConfigError("design", design, f"one of {list(DESIGNS)}")
    if n < 1:
        raise ConfigError("n", n, "at least 1")
    if not 0 <= random_share < 1:
        raise ConfigError("random_share", random_share, "0 <= share < 1")
    rows = table if design == "all" else table[table["score"].notna()]
    if rows.empty:
        raise ConfigError("rows", 0, "at least one answer that was judged")
    # The order of the rows must not matter: sorted, then shuffled once.
    rows = rows.sort_values(["arm", "id"]).sample(frac=1, random_state=seed)
    if design == "all":
        return _take(rows.assign(stratum="all/all"), {"all/all": len(rows)})
    if design == "stratified":
        bands = rows["score"].map(lambda score: _band(score, threshold))
        rows = rows.assign(stratum="stratified/" + rows["arm"] + "/" + bands)
        sizes = rows["stratum"].value_counts()
        drawn = _take(rows, _equal_shares(sizes, n))
        left = {
            str(name): int(sizes[name])
            for name in sorted(sizes.index)
            if name not in set(drawn["stratum"])
        }
        drawn = drawn.assign(weight=np.nan) if left else drawn
        drawn.attrs["without_chance"] = left
        return drawn
    at_random = max(1, round(n * random_share)) if random_share and n > 1 else 0
    if design == "uncertainty":
        nearest = (rows["score"] - threshold).abs().sort_values(kind="stable").index
        first = pd.Series(rows.index.isin(nearest[: n - at_random]), index=rows.index)
        rows = pd.concat([rows.loc[nearest[: n - at_random]], rows[~first]])
    else:
        flagged = rows["score"] >= threshold
        first = flagged.groupby(rows["id"]).transform("nunique") > 1
    others = int((~first).sum())
    from_first = min(int(first.sum()), n - min(at_random, others))
    from_others = min(others, n - from_first) if at_random else 0
    strata = first.map({True: f"{design}/first", False: f"{design}/others"})
    shares = {f"{design}/first": from_first, f"{design}/others": from_others}
    drawn = _take(rows.assign(stratum=strata), shares)
    # Nothing is known of rows that had no chance to be drawn.
    return drawn.assign(weight=np.nan) if others and not from_others else drawn


def _band(score: float, threshold: float) -> str:
    return "flagged" if score >= threshold else "faint" if score > 0 else "clean"


def _equal_shares(sizes: pd.Series, n: int) -> dict[str, int]:
    """As many from each stratum; what small ones cannot give, the others give."""
    shares = dict.fromkeys(sizes.sort_index().index, 0)
    left = min(n, int(sizes.sum()))
    while left:
        open_ = [name for name in shares if shares[name] < sizes[name]]
        for name in open_[:left] if left < len(open_) else open_:
            more = min(max(1, left // len(open_)), int(sizes[name]) - shares[name])
            shares[name] += more
        left = min(n, int(sizes.sum())) - sum(shares.values())
    return shares


def _take(rows: pd.DataFrame, shares: dict[str, int]) -> pd.DataFrame:
    """The first so many rows of each stratum, with their weights.

    The strata are interleaved, so that a review which stops halfway has rows of each.
    """
    place = rows.groupby("stratum").cumcount()
    size = rows["stratum"].map(rows["stratum"].value_counts())
    share = rows["stratum"].map(shares).fillna(0)
    drawn = place < share
    order = ((place[drawn] + 0.5) / share[drawn]).sort_values(kind="stable").index
    return rows[drawn].assign(weight=(size[drawn] / share[drawn]).astype(float)).loc[order]
