"""The study: short stage scripts over the packages beads, learning and evidence."""
