"""The data card of a table: columns, quantities, formulas, labels, cells."""
