"""Competing-risks discrete-time hazards for exits from reception centres."""
