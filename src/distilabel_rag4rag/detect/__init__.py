"""Detectors behind `LettuceDetectJudge`: items in, verdicts out.

`items` says what is judged; `batch` is LettuceDetect's token classifier over many rows at a time,
`one_by_one` everything that only has `predict`; `passages` cuts evidence that is too long, `spans`
builds and tidies spans, `device` knows what checkpoint and hardware allow.
"""
