"""What the api does for its authors: counting, acknowledging, dead letters, positions. Providers do not import it."""
