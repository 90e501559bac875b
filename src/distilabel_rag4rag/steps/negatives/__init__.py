"""Steps that add passages which do not answer a question, and tests whether they do."""

from distilabel_rag4rag.steps.negatives.mine_hard_negatives import MineHardNegatives

__all__ = ["MineHardNegatives"]
