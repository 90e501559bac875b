"""Detectors behind `LettuceDetectJudge`: items in, verdicts out.

`make_detector` goes from the judge's settings to a detector, `items` says what is judged.
`batch_detector` is LettuceDetect's token classifier over many rows at a time, `predict_detector`
everything that only has `predict`; `kept_verdicts` finds again on disk what was judged before.
`windows` are the rows of a forward pass, `passages` and `evidence` cut and choose evidence that is
too long, `spans` builds and tidies spans, `device` knows what checkpoint and hardware allow.
"""
