"""Fine-tunes a retriever on what `rag4rag build` wrote, with sentence-transformers alone.

python examples/train_retriever.py out/build/export sentence-transformers/all-MiniLM-L6-v2 out/model
"""

import sys

from datasets import load_dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers.losses import MultipleNegativesRankingLoss
from sentence_transformers.training_args import SentenceTransformerTrainingArguments

export, name, out = sys.argv[1:4]
data = load_dataset(export, "pairs")  # or "tuples", with hard negatives
model = SentenceTransformer(name)
arguments = SentenceTransformerTrainingArguments(
    out, num_train_epochs=1, learning_rate=2e-5, warmup_ratio=0.1, save_strategy="no",
    per_device_train_batch_size=32, batch_sampler="no_duplicates", report_to="none",
)  # fmt: skip
loss = MultipleNegativesRankingLoss(model)
SentenceTransformerTrainer(model, arguments, train_dataset=data["train"], loss=loss).train()
model.save_pretrained(out)
