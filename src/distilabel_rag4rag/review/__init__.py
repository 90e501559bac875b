"""Human review in Argilla: a sample of the answers out, people's labels back.

`connect.connect` gives the client, `push.push` sends, `pull.pull` fetches, `ArgillaReview` sends
from a pipeline, `training_file` writes what LettuceDetect trains on.
"""
