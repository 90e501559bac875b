"""Steps that retrieve passages, and the FAISS index behind them."""
