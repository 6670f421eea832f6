"""Simulated single beads: materials, physics, defects, designs, notes and the raw table."""
