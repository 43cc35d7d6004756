"""The way to the server: connection strings, sessions, their errors, and a bounded pool of them."""
