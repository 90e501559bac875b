"""How a pipeline is run: all its rows or an error, in time."""
