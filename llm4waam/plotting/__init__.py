"""How figures, tables and numbers look."""
