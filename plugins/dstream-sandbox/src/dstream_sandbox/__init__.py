"""Local stand-ins for the systems that DStream moves data between."""
