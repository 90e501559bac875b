"""Detectors behind `LettuceDetectJudge`: items in, verdicts out.

`make` goes from the judge's settings to a detector, `items` says what is judged. `batch` is
LettuceDetect's token classifier over many rows at a time, `one_by_one` everything that only has
`predict`. `windows` are the rows of a forward pass, `passages` cuts evidence that is too long,
`spans` builds and tidies spans, `device` knows what checkpoint and hardware allow.
"""
