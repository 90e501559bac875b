"""Steps that bring answers into the columns that all later steps read."""
