"""What a bead is: units, materials, physics, the simulator, the card, cleaning and text."""
