"""Many at once, killed at any moment, spoken to badly: the sandbox stays whole."""
