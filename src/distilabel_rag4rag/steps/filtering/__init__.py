"""Steps that mark rows, and the one that drops them."""
